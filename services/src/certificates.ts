import type { webcrypto } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import 'reflect-metadata' // which @peculiar/x509 expects to find, before it
import * as x509 from '@peculiar/x509'
import { host } from './server.ts'

/** What a client that shows a certificate of its own needs, as PEM. */
export interface Certificates {
  /** The authority that signed the server's certificate. */
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** The client's certificate and key that {@link ensureCertificates} put into a folder. */
export function readCertificates(directory: string): Certificates {
  const read = (file: string): string => readFileSync(join(directory, file), 'utf8')
  return { ca: read('ca.crt'), cert: read('client.crt'), key: read('client.key') }
}

/**
 * Makes an authority, and a server's and a client's certificate signed by it, unless the folder has
 * them. They are valid for a year, for the loopback address and `localhost`.
 */
export async function ensureCertificates(directory: string): Promise<void> {
  if (existsSync(join(directory, 'server.pem'))) return
  mkdirSync(directory, { recursive: true })
  const write = (file: string, text: string): void =>
    writeFileSync(join(directory, file), text, { mode: 0o600 })
  const authority = await makeAuthority()
  const server = await sign(authority, 'server', x509.ExtendedKeyUsage.serverAuth)
  const client = await sign(authority, 'client', x509.ExtendedKeyUsage.clientAuth)
  write('ca.crt', authority.certificate.toString('pem'))
  write('client.crt', client.certificate)
  write('client.key', client.key)
  write('server.pem', `${server.key}\n${server.certificate}\n`) // last: its presence means all are there
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

interface Authority {
  readonly certificate: x509.X509Certificate
  readonly keys: webcrypto.CryptoKeyPair
}

async function makeAuthority(): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    serialNumber: '01',
    name: 'CN=Daybook test authority',
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })
  return { certificate, keys }
}

async function sign(
  authority: Authority,
  name: string,
  usage: x509.ExtendedKeyUsage,
): Promise<{ certificate: string; key: string }> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(),
    serialNumber: name === 'server' ? '02' : '03',
    subject: `CN=${name}`,
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.ExtendedKeyUsageExtension([usage]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'ip', value: host },
        { type: 'dns', value: 'localhost' },
      ]),
    ],
  })
  const der = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  const key = x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag)
  return { certificate: certificate.toString('pem'), key }
}

/** From a day ago, for clocks that are behind. */
function validity(): { notBefore: Date; notAfter: Date } {
  const day = 24 * 60 * 60_000
  return { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 365 * day) }
}
