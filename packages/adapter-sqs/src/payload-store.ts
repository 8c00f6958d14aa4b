/**
 * Where bodies wait that are too large for a message: an object store such as S3, or a directory
 * that all processes share. Every method may be called again after a failure.
 */
export interface PayloadStore {
  /** Resolves once the bytes are durable under this name. */
  put(name: string, bytes: Uint8Array): Promise<void>
  /** The bytes, or undefined if there are none of this name. */
  get(name: string): Promise<Uint8Array | undefined>
  /** Resolves once they are gone; also where there were none. */
  delete(name: string): Promise<void>
}
