import { Buffer } from 'node:buffer'

/**
 * Turns payloads into the bytes queues carry, and back. Chosen per namespace. Either side may
 * throw; `encode` is called at `write`, before anything is durable.
 */
export interface Codec<P = unknown> {
  /** Short name, for messages. */
  readonly name: string
  /**
   * The payload as bytes that nobody changes afterwards: they are stored as they are. A buffer that
   * is used again for the next payload would damage the file log.
   */
  encode(payload: P): Uint8Array
  /** May keep a view of the bytes it is given: they are not reused. */
  decode(bytes: Uint8Array): P
}

/** The default: JSON as UTF-8. What JSON cannot hold (a cycle, a bigint, a bare function) throws. */
export const jsonCodec: Codec = {
  name: 'json',
  encode(payload) {
    const text: string | undefined = JSON.stringify(payload)
    if (text === undefined) throw new TypeError(`JSON has no form for a ${typeof payload}`)
    return Buffer.from(text, 'utf8')
  },
  decode: (bytes) => JSON.parse(utf8(bytes)),
}

/** From this size on the bytes codec makes a copy. */
const largeBytes = 256 * 1024

/**
 * For payloads that are bytes already: stored as they are. They must not change until the write is
 * answered. Of 256 KiB and more a copy is stored, which costs little at that size: the file log
 * writes them from where they are, and bytes that change meanwhile would damage it.
 */
export const bytesCodec: Codec<Uint8Array> = {
  name: 'bytes',
  encode(payload) {
    if (!(payload instanceof Uint8Array)) {
      throw new TypeError(`the bytes codec takes a Uint8Array, not a ${typeof payload}`)
    }
    return payload.byteLength < largeBytes ? payload : new Uint8Array(payload)
  },
  decode: (bytes) => bytes,
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
