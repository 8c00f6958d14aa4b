const bits = 2 ** 25
const probes = 4

/**
 * Remembers keys in 4 MiB, however many they are. It never forgets one; it may take a key for one
 * of them that is not: one in a thousand at a million keys.
 */
export class KeySet {
  readonly #bits = new Uint32Array(bits / 32)

  add(key: string): void {
    for (const at of placesOf(key)) this.#bits[at >>> 5] = (this.#bits[at >>> 5] ?? 0) | (1 << at)
  }

  mayHave(key: string): boolean {
    return placesOf(key).every((at) => ((this.#bits[at >>> 5] ?? 0) & (1 << at)) !== 0)
  }
}

/** Two FNV-1a hashes, and what lies so many steps of the second from the first. */
function placesOf(key: string): readonly number[] {
  let first = 0x811c9dc5
  let second = 0x9747b28c
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at)
    first = Math.imul(first ^ unit, 0x01000193)
    second = Math.imul(second ^ unit, 0x85ebca6b)
    second ^= second >>> 13
  }
  first ^= first >>> 16
  const step = second | 1
  return Array.from({ length: probes }, (_, probe) => (first + Math.imul(probe, step)) & (bits - 1))
}
