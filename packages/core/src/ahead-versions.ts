/** A power of two: so many places, 8 bytes each. */
const places = 2 ** 20

/**
 * Versions that keys had while a clock was ahead, as a log shows them after a restart: each key begins
 * above its own, and all others where the clock is. It takes 8 MiB however many keys there are: those that share a
 * place share the highest of its versions, so that some wait longer than they would have to, and none goes back.
 */
export class AheadVersions {
  readonly #byPlace = new Float64Array(places)
  #highest = 0

  /** The highest of all, in microseconds. */
  get highest(): number {
    return this.#highest
  }

  note(key: string, version: bigint): void {
    const shown = Number(version)
    const place = hashOf(key) & (places - 1)
    this.#byPlace[place] = Math.max(this.#byPlace[place] ?? 0, shown)
    this.#highest = Math.max(this.#highest, shown)
  }

  /** What the key's next version has to be above, in microseconds; 0 for anything. */
  of(key: string): number {
    return this.#byPlace[hashOf(key) & (places - 1)] ?? 0
  }
}

/** FNV-1a over the key's UTF-16 units: cheap, and spreads similar keys. Not negative. */
export function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  }
  return (hash ^ (hash >>> 16)) >>> 0
}
