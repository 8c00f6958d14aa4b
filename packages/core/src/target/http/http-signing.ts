import { Buffer } from 'node:buffer'
import { createHmac, type KeyObject, sign } from 'node:crypto'

/** A secret `whsec_…` for HMAC-SHA256, or an Ed25519 private key (`createPrivateKey` makes one). */
export type HttpSigningKey = string | KeyObject

const secretPrefix = 'whsec_'
/** Lengths of a secret, in bytes. Source: the Standard Webhooks specification, "Signature scheme". */
const [leastSecretBytes, mostSecretBytes] = [24, 64]

/** What is signed: the message's id, the instant of this attempt, and the body. */
export interface SignedMessage {
  readonly id: string
  readonly timestampSeconds: number
  readonly body: string | Uint8Array
}

/**
 * The value of `webhook-signature`: one signature for each key, apart by spaces. A receiver takes the
 * message if it can verify one of them.
 */
export function signatureOf(message: SignedMessage, keys: readonly HttpSigningKey[]): string {
  const { id, timestampSeconds, body } = message
  const content = Buffer.concat([Buffer.from(`${id}.${timestampSeconds}.`), Buffer.from(body)])
  return keys
    .map((key) =>
      typeof key === 'string'
        ? `v1,${createHmac('sha256', secretBytes(key)).update(content).digest('base64')}`
        : `v1a,${sign(null, content, key).toString('base64')}`,
    )
    .join(' ')
}

/** Why a key cannot sign; undefined if it can. Says nothing of the key itself. */
export function keyProblem(key: HttpSigningKey): string | undefined {
  if (typeof key !== 'string') {
    const isPrivate = key?.type === 'private' && key.asymmetricKeyType === 'ed25519'
    return isPrivate ? undefined : 'must be an Ed25519 private key'
  }
  if (!key.startsWith(secretPrefix)) return `a secret begins with ${secretPrefix}`
  const text = key.slice(secretPrefix.length)
  const bytes = secretBytes(key)
  if (bytes.toString('base64').replaceAll('=', '') !== text.replaceAll('=', '')) {
    return `what follows ${secretPrefix} must be base64`
  }
  if (bytes.length >= leastSecretBytes && bytes.length <= mostSecretBytes) return undefined
  return `a secret has ${leastSecretBytes} to ${mostSecretBytes} bytes, not ${bytes.length}`
}

function secretBytes(secret: string): Buffer {
  return Buffer.from(secret.slice(secretPrefix.length), 'base64')
}
