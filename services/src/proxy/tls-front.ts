import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { type Certificates, ensureCertificates, readCertificates } from '../certificates.ts'
import { host } from '../server.ts'
import type { Upstream } from './tcp-proxy.ts'

/** Takes TLS off on the way to a server, from clients that show a certificate of its authority. */
export interface TlsFront extends Upstream, AsyncDisposable {
  readonly address: string
  /** What a client has to have to be let in. */
  readonly certificates: Certificates
}

/** Stands before a server that speaks no TLS here, as a load balancer does in many a network. */
export async function tlsFront(upstream: Upstream): Promise<TlsFront> {
  const directory = mkdtempSync(join(tmpdir(), 'daybook-front-'))
  await ensureCertificates(directory)
  const certificates = readCertificates(directory)
  const pem = readFileSync(join(directory, 'server.pem'), 'utf8')
  rmSync(directory, { recursive: true })
  const sockets = new Set<Socket>()
  const mutual = { requestCert: true, rejectUnauthorized: true }
  const server = createServer({ key: pem, cert: pem, ca: certificates.ca, ...mutual }, (client) => {
    const behind = connect(upstream.port, upstream.host)
    for (const [from, to] of [
      [client, behind],
      [behind, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy()).on('close', () => to.destroy())
      from.pipe(to)
    }
  })
  server.on('tlsClientError', () => {}) // one without a certificate is told so by its own side
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...{ host, port, address: `${host}:${port}`, certificates },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
