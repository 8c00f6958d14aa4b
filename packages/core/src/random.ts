import { randomFillSync } from 'node:crypto'

/** The only source of randomness in core; a test passes a seeded one. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Fills the bytes given and returns them. */
  fill(bytes: Uint8Array): Uint8Array
}

/** The machine's randomness: `Math.random` for jitter, the system's generator for ids. */
export const systemRandom: Random = {
  next: Math.random,
  fill: (bytes) => randomFillSync(bytes),
}
