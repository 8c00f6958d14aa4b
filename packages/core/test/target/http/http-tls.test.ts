import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { type Certificates, ensureCertificates, readCertificates } from '@daybook/services'
import { Agent, fetch as undiciFetch } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpFetch } from '../../../src/target/http/http-exchange.ts'
import { applyOne } from './support/apply-one.ts'

const directory = mkdtempSync(join(tmpdir(), 'daybook-tls-'))
let certificates: Certificates
let server: Server
const clients: (string | undefined)[] = []

beforeAll(async () => {
  await ensureCertificates(directory)
  certificates = readCertificates(directory)
  const pem = readFileSync(join(directory, 'server.pem'), 'utf8')
  const tls = { key: pem, cert: pem, ca: certificates.ca, requestCert: true }
  server = createServer({ ...tls, rejectUnauthorized: true }, (request, response) => {
    clients.push(
      (request.socket as TLSSocket).getPeerCertificate().subject?.CN as string | undefined,
    )
    request.resume().on('end', () => response.writeHead(204).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  rmSync(directory, { recursive: true })
})

function url(): string {
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function withAgent(connect: object, use: (fetch: HttpFetch) => Promise<void>): Promise<void> {
  const dispatcher = new Agent({ connect })
  try {
    await use((address, init) => undiciFetch(address, { ...init, dispatcher }))
  } finally {
    await dispatcher.destroy()
  }
}

describe('an application behind TLS', () => {
  it('takes records from a client that shows its certificate', async () => {
    await withAgent(certificates, async (fetch) => {
      expect(await applyOne({ url: url(), fetch })).toEqual({ status: 'applied' })
    })
    expect(clients).toHaveLength(1)
    expect(clients[0]).toBeDefined()
  })

  it('is unavailable to a client that shows none', async () => {
    await withAgent({ ca: certificates.ca }, async (fetch) => {
      expect(await applyOne({ url: url(), fetch })).toMatchObject({ status: 'unavailable' })
    })
  })

  it('is unavailable where its certificate is of an authority that is not known', async () => {
    expect(await applyOne({ url: url() })).toMatchObject({ status: 'unavailable' })
  })
})
