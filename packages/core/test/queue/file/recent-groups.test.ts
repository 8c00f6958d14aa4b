import { describe, expect, it } from 'vitest'
import { Group } from '../../../src/queue/file/group.ts'
import type { LogSegment } from '../../../src/queue/file/log-segments.ts'
import { type Follower, RecentGroups } from '../../../src/queue/file/recent-groups.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'

const mib = 1 << 20
const seed = Number(process.env['DAYBOOK_SEED'])
const format = { salt: 5, namespace: 'titles' }

/** A log's end, as far as its newest groups are concerned. */
class End {
  readonly recent: RecentGroups
  #sequence = 1
  #offset = 64

  /** Of the record that is added next. */
  get sequence(): number {
    return this.#sequence
  }

  constructor(mostBytes: number) {
    this.recent = new RecentGroups(mostBytes)
  }

  /** A durable group with records of so many bytes. */
  add(segment: LogSegment, ...payloadBytes: readonly number[]): void {
    const group = new Group(format)
    group.begin({ segment: 1, sequence: this.#sequence, offset: this.#offset })
    group.add(payloadBytes.map((bytes) => makeStoredRecord({ payload: Buffer.alloc(bytes) })))
    this.recent.add(group, segment)
    this.#sequence += group.records
    this.#offset += group.byteLength
    group.settle({ durable: 'yes' })
  }

  /** One that reads this sequence next, at the address or somewhere behind it. */
  follower(position: number, address = 0): { position: number; address: number } {
    const follower = { position, address }
    this.recent.follow(follower)
    return follower
  }
}

function segmentAt(position: number): LogSegment {
  return { header: { position, namespace: 'titles' } } as unknown as LogSegment
}

/** More than a quarter of the 64 KiB that the buffer of a group has at first. */
const halfBuffer = 32 * 1024

describe('what is kept in memory of a log', () => {
  const segment = segmentAt(0)

  it('is nothing while nobody follows, and nothing once all who follow have read it', () => {
    const end = new End(mib)
    end.add(segment, 100)
    expect(end.recent.bytes).toBe(0)
    const [quick, slow] = [end.follower(2), end.follower(2)]
    end.add(segment, 100, 100)
    end.add(segment, halfBuffer)
    expect(end.recent.bytes).toBeGreaterThan(64 * 1024)
    expect([1, 2, 3, 4, 5].map((at) => end.recent.holding(at)?.sequence)).toEqual([
      undefined,
      2,
      2,
      4,
      undefined,
    ])
    quick.position = 5
    end.recent.letGoOfRead()
    expect(end.recent.holding(2)?.sequence).toBe(2)
    slow.position = 4
    end.recent.letGoOfRead()
    expect([end.recent.holding(3), end.recent.bytes]).toEqual([undefined, 64 * 1024])
    end.recent.leave(slow)
    expect(end.recent.bytes).toBe(0)
  })

  it('is what its newest records take up to its limit, and nothing for one who is further behind', () => {
    const end = new End(mib)
    const follower: Follower = end.follower(1)
    for (let group = 0; group < 20; group++) {
      end.add(segment, halfBuffer)
      expect(end.recent.bytes).toBeLessThanOrEqual(mib)
    }
    expect([end.recent.holding(4), end.recent.holding(5)?.sequence]).toEqual([undefined, 5])
    for (let group = 0; group < 20; group++) end.add(segment, halfBuffer)
    expect(end.recent.bytes).toBe(0)
    expect(follower.position).toBe(1)
  })

  it('is no record whose payload is large, and none of a group that is above the limit', () => {
    const end = new End(mib)
    end.follower(1)
    end.add(segment, 100)
    end.add(segment, 100, 256 * 1024)
    end.add(segment, 100)
    expect([1, 2, 3, 4].map((at) => end.recent.holding(at)?.sequence)).toEqual([
      1,
      undefined,
      undefined,
      4,
    ])
    const small = new End(10_000)
    small.follower(1, 12_000)
    small.add(segment, 6000, 6000)
    small.add(segment, 6000)
    expect([small.recent.holding(1), small.recent.holding(3)?.sequence]).toEqual([undefined, 3])
  })

  it('is none of a segment that is not part of the log any more', async () => {
    const end = new End(mib)
    end.follower(1)
    end.add(segment, 100)
    const next = segmentAt(10_000)
    end.add(next, 100)
    await end.recent.letGo([segment])
    expect([end.recent.holding(1), end.recent.holding(2)?.segment]).toEqual([undefined, next])
    end.recent.close()
    expect(end.recent.bytes).toBe(0)
  })

  it('is no more memory than it counts, and not many groups, where they are small', () => {
    const end = new End(mib)
    end.follower(1)
    for (let group = 0; group < 2000; group++) {
      end.add(segment, 100)
      Buffer.allocUnsafe(3000) // Somebody else takes from Node's pool as well.
    }
    const held = Array.from({ length: 2000 }, (_, at) => end.recent.holding(at + 1))
    const groups = held.filter((group) => group !== undefined)
    expect(groups.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 512 }, (_, at) => 2000 - 512 + at + 1),
    )
    const memory = [...new Set(groups.map(({ buffer }) => buffer.buffer))]
    const frames = groups.map(({ bytes }) => bytes)
    expect(memory.map(({ byteLength }) => byteLength)).toEqual(frames)
    expect(end.recent.bytes).toBe(mib)
    end.recent.close()
    expect(end.recent.bytes).toBe(0)
  })

  it('is found by any of its records, and by none that has gone, as groups come and go', () => {
    const random = new SeededRandom(seed)
    const end = new End(8 * mib)
    const follower = end.follower(1)
    const firsts: number[] = []
    for (let step = 0; step < 300; step++) {
      for (let adds = random.integer(0, 3); adds > 0; adds--) {
        const first = end.sequence
        end.add(segment, ...new Array<number>(random.integer(1, 4)).fill(100))
        while (firsts.length < end.sequence) firsts.push(first)
      }
      if (random.chance(0.7)) {
        follower.position = random.integer(follower.position, end.sequence)
        end.recent.letGoOfRead()
      }
      const keptFrom = firsts[follower.position] ?? end.sequence
      for (let sequence = 0; sequence <= end.sequence; sequence++) {
        const first = sequence < keptFrom ? undefined : firsts[sequence]
        expect(end.recent.holding(sequence)?.sequence).toBe(first)
      }
    }
    end.recent.close()
  })

  it('is at most 64 MiB for all logs of a process, and the oldest goes first, whose ever it is', () => {
    const ends = Array.from({ length: 40 }, () => new End(8 * mib))
    const kept = (): number => ends.reduce((bytes, { recent }) => bytes + recent.bytes, 0)
    for (const end of ends) {
      end.follower(1)
      end.add(segment, ...new Array<number>(30).fill(100_000))
      expect(end.recent.bytes).toBeGreaterThan(2 * mib)
      expect(kept()).toBeLessThanOrEqual(64 * mib)
    }
    expect(kept()).toBeGreaterThan(56 * mib)
    const holds = ends.map(({ recent }) => recent.bytes > 0)
    expect(holds.slice(holds.indexOf(true))).not.toContain(false)
    expect(holds.indexOf(true)).toBeGreaterThan(10)
    for (const { recent } of ends) recent.close()
    expect(kept()).toBe(0)
  })
})
