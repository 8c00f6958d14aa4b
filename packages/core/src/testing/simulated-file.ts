import type { Random } from '../random.ts'

/** The least that a disk writes whole, in bytes. */
const sectorBytes = 512

/** What a power cut leaves of what was not synced. */
export type Keep = 'none' | 'all' | 'random'

/**
 * One file of a simulated disk: its bytes as running processes see them, and as they are on the
 * disk, sector by sector.
 */
export class SimulatedFile {
  /** As processes see it. Zero beyond `#size`, and whole sectors long, like `#disk`. */
  #cache: Buffer
  #size: number
  #disk: Buffer
  #diskSize: number
  /** Sectors the system will write at the next sync. */
  readonly #dirty = new Set<number>()

  constructor(bytes: Uint8Array = new Uint8Array()) {
    this.#cache = Buffer.alloc(wholeSectors(bytes.byteLength))
    this.#cache.set(bytes)
    this.#size = bytes.byteLength
    this.#disk = Buffer.from(this.#cache)
    this.#diskSize = this.#size
  }

  get size(): number {
    return this.#size
  }

  /** A copy of its bytes as processes see them. */
  get bytes(): Buffer {
    return Buffer.from(this.#cache.subarray(0, this.#size))
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.byteLength
    this.#cache = grown(this.#cache, end)
    this.#cache.set(bytes, position)
    this.#size = Math.max(this.#size, end)
    this.#touch(position, end)
  }

  read(into: Uint8Array, position: number): number {
    const end = Math.min(position + into.byteLength, this.#size)
    if (end <= position) return 0
    into.set(this.#cache.subarray(position, end))
    return end - position
  }

  truncate(size: number): void {
    const { length } = this.#cache
    this.#cache = grown(this.#cache, size)
    if (size < this.#size) {
      this.#cache.fill(0, size)
      this.#touch(size, length)
    }
    this.#size = size
  }

  /** Writes what is dirty, between two offsets or all of it, and the size. */
  sync(from = 0, to = Number.POSITIVE_INFINITY): void {
    for (const sector of this.#dirtyIn(from, to)) {
      this.#store(sector, sectorBytes)
      this.#dirty.delete(sector)
    }
    this.#diskSize = this.#size
  }

  /**
   * A sync that fails, as ext4, XFS and Btrfs have it: some of the sectors reach the disk, and all
   * of them count as clean from then on, so that a later sync succeeds without writing them.
   */
  failSync(share: number, random: Random, from = 0, to = Number.POSITIVE_INFINITY): void {
    for (const sector of this.#dirtyIn(from, to)) {
      if (random.next() < share) this.#store(sector, sectorBytes)
      this.#dirty.delete(sector)
    }
    if (random.next() < share) this.#diskSize = this.#size
  }

  /** Writes some of the sectors out of turn, as systems do; none counts as clean for it. */
  writeBack(random: Random): void {
    for (const sector of this.#dirty) if (random.next() < 0.5) this.#store(sector, sectorBytes)
    if (random.next() < 0.5) this.#diskSize = this.#size
  }

  /** The file as found after a power cut. */
  afterPowerCut(keep: Keep, random: Random): SimulatedFile {
    const found = this.clone()
    for (const sector of this.#dirty) found.#store(sector, keptBytes(keep, random))
    found.#dirty.clear()
    if (keep === 'all' || (keep === 'random' && random.next() < 0.5)) found.#diskSize = found.#size
    found.#disk = grown(found.#disk, found.#diskSize)
    found.#disk.fill(0, found.#diskSize)
    return new SimulatedFile(found.#disk.subarray(0, found.#diskSize))
  }

  /** The same file, in the same state. */
  clone(): SimulatedFile {
    const clone = new SimulatedFile()
    clone.#cache = Buffer.from(this.#cache)
    clone.#size = this.#size
    clone.#disk = Buffer.from(this.#disk)
    clone.#diskSize = this.#diskSize
    for (const sector of this.#dirty) clone.#dirty.add(sector)
    return clone
  }

  #dirtyIn(from: number, to: number): readonly number[] {
    return [...this.#dirty].filter((sector) => sector + sectorBytes > from && sector < to)
  }

  #touch(from: number, to: number): void {
    for (let at = from - (from % sectorBytes); at < to; at += sectorBytes) this.#dirty.add(at)
  }

  /** Puts the first bytes of a sector on the disk; the rest of it stays as it was there. */
  #store(sector: number, bytes: number): void {
    if (bytes === 0) return
    this.#disk = grown(this.#disk, sector + sectorBytes)
    this.#cache.copy(this.#disk, sector, sector, sector + bytes)
  }
}

function keptBytes(keep: Keep, random: Random): number {
  if (keep !== 'random') return keep === 'all' ? sectorBytes : 0
  const chance = random.next()
  if (chance < 0.4) return 0
  return chance < 0.8 ? sectorBytes : Math.floor(random.next() * sectorBytes)
}

function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes
}

function grown(buffer: Buffer, bytes: number): Buffer {
  if (bytes <= buffer.length) return buffer
  const larger = Buffer.alloc(wholeSectors(Math.max(bytes, buffer.length * 2)))
  buffer.copy(larger)
  return larger
}
