import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { isWalError } from '../../src/errors.ts'
import { crossRegionReplication } from '../../src/persona/cross-region-replication.ts'
import { fileQueue } from '../../src/queue/file/file-queue.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { Queue } from '../../src/queue/queue.ts'
import { createWal } from '../../src/wal.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import { RegionStore } from './support/regions.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

const minute = 60_000
const hour = 60 * minute

/** A region whose clock is off by so much, over a queue or a directory that was there before. */
async function open(place: { queue: Queue } | { directory: string }, offsetMs: number) {
  const clock = { ...systemClock, now: () => systemClock.now() + offsetMs }
  const wal = await createWal({
    ...('directory' in place && { directory: place.directory }),
    clock,
    namespaces: {
      rows: crossRegionReplication({
        region: { name: 'eu', number: 0 },
        ...('queue' in place && { queue: place.queue }),
        targets: { store: new RegionStore() },
        peers: { us: { number: 1, target: new RegionStore() } },
        retention: { bytes: '20kb' },
      }),
    },
  })
  const write = (key: string) => wal.write('rows', { key, payload: { title: 'x'.repeat(2000) } })
  return { wal, clock, write }
}

/** How far its version is ahead of the clock, in ms. */
async function aheadOf({ clock }: Awaited<ReturnType<typeof open>>, write: Promise<Version>) {
  return Number((await write).version) / 1000 - clock.now()
}

interface Version {
  readonly version: bigint
}

describe('a region that is opened again after its clock was ahead', () => {
  it('takes writes of other keys at once, and those of the keys it wrote once the clock is there', async () => {
    const directory = await temporaryDirectory()
    const ahead = await open({ directory }, hour)
    const { version } = await ahead.write('a')
    await ahead.wal.close()
    const right = await open({ directory }, 0)
    for (const key of ['b', 'c', 'd'])
      expect(await aheadOf(right, right.write(key))).toBeLessThan(1)
    await expect(right.write('a')).rejects.toMatchObject({ code: 'ERR_CLOCK_DRIFT' })
    await right.wal.close()
    const later = await open({ directory }, hour)
    expect((await later.write('a')).version).toBeGreaterThan(version)
    await later.wal.close()
  })

  it('remembers which keys these are over one more restart, and where its clock goes back again', async () => {
    const directory = await temporaryDirectory()
    const ahead = await open({ directory }, hour)
    const { version } = await ahead.write('a')
    await ahead.wal.close()
    let offsetMs = 0
    const right = await open({ directory }, 0)
    right.clock.now = () => systemClock.now() + offsetMs
    await right.write('b')
    await right.wal.close()
    const again = await open({ directory }, 0)
    again.clock.now = () => systemClock.now() + offsetMs
    await again.write('c')
    offsetMs = 2 * hour
    await again.write('d')
    offsetMs = hour - minute
    await expect(again.write('a')).rejects.toMatchObject({ code: 'ERR_CLOCK_DRIFT' })
    offsetMs = hour
    await expect(again.write('a').then((receipt) => receipt.version)).resolves.toBeGreaterThan(
      version,
    )
    await again.wal.close()
  })

  it('refuses writes of all keys, and says until when, where the queue cannot tell which they are', async () => {
    const queue = memoryQueue()
    const before = await open({ queue }, 0)
    await before.write('a')
    await before.wal.close()
    const behind = await open({ queue }, -minute)
    await expect(behind.write('b')).rejects.toMatchObject({
      code: 'ERR_CLOCK_DRIFT',
      message: expect.stringMatching(
        /the log held a version of \d.*Z when .* Writes are taken from \d.*Z on\. .* The clock may be right now/,
      ),
    })
    await behind.wal.close()
    const right = await open({ queue }, 0)
    expect(await right.write('b')).toMatchObject({ durable: 'yes' })
    await right.wal.close()
  })
})

const lives = fc.array(
  fc.record({
    offsetMs: fc.constantFrom(0, hour, 3 * hour, -minute),
    /** Else nothing is applied, and nothing of the log may go. */
    delivers: fc.boolean(),
    keys: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 20 }),
  }),
  { minLength: 3, maxLength: 6, size: 'max' },
)

interface Life {
  readonly offsetMs: number
  readonly delivers: boolean
  readonly keys: readonly string[]
}

/** A region that is opened again and again over one log. */
class Lives {
  readonly seen = { taken: 0, refused: 0, removed: 0 }
  /** Keys whose version went back. */
  readonly back: string[] = []
  readonly #last = new Map<string, bigint>()

  async live({ offsetMs, delivers, keys }: Life, queue: Queue): Promise<void> {
    const { wal, write } = await open({ queue }, offsetMs)
    if (delivers) await wal.start()
    for (const key of keys) {
      await this.#write(key, write)
      if (delivers) await wal.drain()
    }
    if (((await wal.status()).namespaces.rows.kept?.first ?? 1) > 1) this.seen.removed++
    await wal.close()
  }

  async #write(key: string, write: (key: string) => Promise<Version>): Promise<void> {
    try {
      const { version } = await write(key)
      if (version <= (this.#last.get(key) ?? 0n)) this.back.push(key)
      this.#last.set(key, version)
      this.seen.taken++
    } catch (error) {
      if (!isWalError(error) || error.code !== 'ERR_CLOCK_DRIFT') throw error
      this.seen.refused++
    }
  }
}

describe('versions of a key', () => {
  const found = async (numRuns: number, broken: Partial<Queue> = {}) => {
    const sums = { taken: 0, refused: 0, removed: 0 }
    let back: readonly string[] = []
    await fc.assert(
      fc.asyncProperty(lives, async (each) => {
        if (back.length > 0) return
        const directory = await temporaryDirectory()
        const region = new Lives()
        for (const life of each) {
          const queue = fileQueue({ directory, segmentBytes: 10_000 })
          await region.live(life, Object.assign(queue, broken))
        }
        back = region.back
        for (const [what, more] of Object.entries(region.seen)) sums[what as 'taken'] += more
      }),
      { seed, numRuns },
    )
    return { back, seen: sums }
  }

  it('never go back over restarts with clocks that are off, also where the log has let go of records', async () => {
    const { back, seen } = await found(15)
    expect(back).toEqual([])
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(0)
  }, 60_000)

  it('are found to go back where the log does not say which keys are ahead', async () => {
    const { back } = await found(40, { versionsAbove: async (version) => version })
    expect(back).not.toEqual([])
  }, 60_000)

  it('are found to go back where what the log has let go of is forgotten', async () => {
    const { versionsAbove } = fileQueue().constructor.prototype as Queue
    const forgetful: Partial<Queue> = {
      async versionsAbove(version, show) {
        await versionsAbove?.call(this, version, show)
        return version
      },
    }
    expect((await found(60, forgetful)).back).not.toEqual([])
  }, 60_000)
})
