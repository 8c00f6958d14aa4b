import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  applied,
  createWal,
  fanOut,
  fileQueue,
  type Outcome,
  type Target,
  transient,
  type,
} from '../../src/index.ts'
import { HookedFileSystem } from '../queue/file/support/hooked-file-system.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import { TitlesTarget } from './support/films-wal.ts'

interface Film {
  readonly title: string
}

const title = 'x'.repeat(1000)

/** How long to wait for what is sure to come, in ms: longer than a busy machine takes. */
const patience = 25_000

/** A disk that syncs nothing until it is let go. */
function stalledDisk() {
  const fileSystem = new HookedFileSystem()
  let letGo = (): void => {}
  const gate = new Promise<void>((resolve) => {
    letGo = resolve
  })
  return {
    fileSystem,
    letGo,
    stall() {
      fileSystem.hook = (call) => (call === 'sync' ? gate : undefined)
    },
  }
}

/** Two namespaces on a disk that stalls, in one shard, and one on a good disk in another. */
async function openNoisy(overload: 'wait' | 'shed') {
  const directory = await temporaryDirectory()
  const disk = stalledDisk()
  const targets = { store: new TitlesTarget() }
  const noisy = fanOut({
    payload: type<Film>(),
    targets,
    shard: 'noisy',
    overload,
    writeTimeout: patience,
  })
  const wal = await createWal({
    directory,
    shards: { noisy: { inFlightBytes: '32kb' } },
    namespaces: {
      loud: { ...noisy, queue: fileQueue({ fileSystem: disk.fileSystem }) },
      neighbour: noisy,
      quiet: fanOut({ payload: type<Film>(), targets }),
    },
  })
  onTestFinished(() => wal.close())
  onTestFinished(() => disk.letGo())
  disk.stall()
  return { wal, disk, loud: wal.namespace('loud') }
}

describe('a namespace whose writes fill the budget of its shard', () => {
  it('waits, and lets no more in than the budget holds', async () => {
    const { wal, disk, loud } = await openNoisy('wait')
    const told: unknown[] = []
    wal.on('overloaded', (event) => told.push(event))
    const writes = Array.from({ length: 100 }, (_, index) =>
      loud.write({ key: `key${index}`, payload: { title } }),
    )
    const { writes: state } = await loud.status()
    expect(state.inFlightBytes).toBeLessThanOrEqual(32 * 1024)
    expect(state.inFlight).toBeGreaterThan(20)
    expect(state.inFlight + state.waiting).toBe(100)
    expect(told).toContainEqual({ namespace: 'loud', waiting: true })
    disk.letGo()
    const receipts = await Promise.all(writes)
    expect(receipts.every(({ durable }) => durable === 'yes')).toBe(true)
    expect((await loud.status()).writes).toEqual({ inFlight: 0, inFlightBytes: 0, waiting: 0 })
  })

  it('stops its neighbour in the shard, and nobody in another shard', async () => {
    const { wal, disk, loud } = await openNoisy('wait')
    const writes = Array.from({ length: 100 }, (_, index) =>
      loud.tryWrite({ key: `key${index}`, payload: { title } }),
    )
    writes.push(wal.tryWrite('neighbour', { key: 'a', payload: { title } }))
    const impatient = { key: 'b', payload: { title }, timeout: 50 }
    await expect(wal.write('neighbour', impatient)).rejects.toMatchObject({
      ...{ code: 'ERR_OVERLOADED', retryAfterMs: expect.any(Number) },
      message: expect.stringContaining("shard 'noisy'"),
    })
    for (let number = 0; number < 50; number++) {
      await wal.write('quiet', { key: 'a', payload: { title }, timeout: patience })
    }
    expect((await wal.status()).namespaces.neighbour.writes.waiting).toBe(1)
    disk.letGo()
    const receipts = await Promise.all(writes)
    expect(receipts.filter(({ durable }) => durable !== 'yes')).toEqual([])
  })

  it('is shed where it says so, by an error that says when to come back', async () => {
    const { wal, disk, loud } = await openNoisy('shed')
    const writes = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => {
        const written = loud.write({ key: `key${index}`, payload: { title } })
        if (index === 99) setImmediate(disk.letGo)
        return written
      }),
    )
    const shed = writes.flatMap((write) => (write.status === 'rejected' ? [write.reason] : []))
    expect(shed.length).toBeGreaterThan(60)
    expect(shed.length).toBeLessThan(80)
    for (const error of shed) {
      expect(error).toMatchObject({
        code: 'ERR_OVERLOADED',
        retryable: true,
        retryAfterMs: expect.any(Number),
      })
    }
    await loud.write({ key: 'later', payload: { title } })
    await wal.write('quiet', { key: 'a', payload: { title } })
  })
})

/** Settles nothing until it is let go. */
class StuckTarget implements Target<Film> {
  readonly idempotency = 'version'
  underWay = 0
  letGo: () => void = () => {}
  readonly #gate = new Promise<void>((resolve) => {
    this.letGo = resolve
  })

  async apply(): Promise<void> {
    this.underWay++
    await this.#gate
  }
}

describe('a target that takes for ever', () => {
  it('takes the slots of its shard, and none of another', async () => {
    const stuck = new StuckTarget()
    const targets = { store: new TitlesTarget() }
    const films = fanOut({ payload: type<Film>(), targets })
    const wal = await createWal({
      directory: await temporaryDirectory(),
      shards: { slow: { concurrency: 2 } },
      namespaces: {
        stuck: fanOut({
          payload: type<Film>(),
          targets: { stuck },
          shard: 'slow',
          batch: { maxRecords: 1 },
        }),
        neighbour: { ...films, shard: 'slow' },
        others: films,
      },
    })
    onTestFinished(() => wal.close())
    onTestFinished(() => stuck.letGo())
    for (let number = 0; number < 10; number++) {
      await wal.write('stuck', { key: `key${number}`, payload: { title } })
    }
    await wal.start()
    await vi.waitFor(() => expect(stuck.underWay).toBe(2), { timeout: patience })
    await wal.write('neighbour', { key: 'a', payload: { title } })
    for (let number = 0; number < 100; number++) {
      await wal.write('others', { key: `key${number}`, payload: { title } })
    }
    const others = await wal.namespace('others').drain({ timeout: patience })
    expect(others.store).toMatchObject({ pending: 0 })
    expect(targets.store.titles).toHaveLength(100)
    expect(stuck.underWay).toBe(2)
    stuck.letGo()
    const drained = await wal.drain({ timeout: patience })
    expect(drained.neighbour.store).toMatchObject({ pending: 0 })
    expect(drained.stuck.stuck).toMatchObject({ pending: 0 })
  })
})

/** Refuses one key until it is let go; remembers in which order the records of each key came. */
class GrudgingTarget implements Target<{ readonly number: number; readonly text: string }> {
  readonly idempotency = 'version'
  readonly numbers = new Map<string, number[]>()
  refused: string | undefined = 'bad'

  async apply(
    records: Parameters<Target<{ readonly number: number; readonly text: string }>['apply']>[0],
  ): Promise<readonly Outcome[]> {
    return records.map(({ key = '', payload }) => {
      if (key === this.refused) return transient('GRUDGE', 'not this one')
      const numbers = this.numbers.get(key) ?? []
      this.numbers.set(key, numbers)
      numbers.push(payload?.number ?? 0)
      return applied
    })
  }
}

/** Bytes in use on the heap and in buffers, once everything that can go has gone. */
function bytesInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

describe('a target that never answers', () => {
  it('has no more bytes brought to it than it may hold', async () => {
    const stuck = new StuckTarget()
    const wal = await createWal({
      directory: await temporaryDirectory(),
      namespaces: {
        films: fanOut({
          payload: type<Film>(),
          targets: { stuck },
          limits: { heldBytes: '4mb' },
        }),
      },
    })
    onTestFinished(() => wal.close())
    onTestFinished(() => stuck.letGo())
    const films = wal.namespace('films')
    for (let number = 0; number < 48; number++) {
      await films.write({ key: `key${number}`, payload: { title: 'x'.repeat(2 ** 20) } })
    }
    const before = bytesInUse()
    await wal.start()
    await vi.waitFor(
      async () => {
        const { targets } = await films.status()
        expect(targets['stuck']?.delivery).toMatchObject({ full: true, pending: 48 })
      },
      { timeout: patience },
    )
    // What it may hold, and what of it is decoded.
    expect(bytesInUse() - before).toBeLessThan(12 * 2 ** 20)
    stuck.letGo()
    const { stuck: report } = await films.drain({ timeout: patience })
    expect(report).toMatchObject({ pending: 0, dead: 0 })
  })
})

describe('a target with more to hold back than it may', () => {
  it('stops pulling, in flat memory, while others go on, and catches up in order', {
    timeout: 120_000,
  }, async () => {
    const grudging = new GrudgingTarget()
    const willing = new GrudgingTarget()
    willing.refused = undefined
    const wal = await createWal({
      directory: await temporaryDirectory(),
      namespaces: {
        films: fanOut({
          payload: type<{ readonly number: number; readonly text: string }>(),
          targets: { grudging, willing },
          limits: { heldRecords: 500 },
          retry: { maxAttempts: 1000, minDelay: 20, maxDelay: 20 },
        }),
      },
    })
    onTestFinished(() => wal.close())
    const films = wal.namespace('films')
    let number = 0
    const writeMany = async (count: number): Promise<void> => {
      const inputs = Array.from({ length: count }, () => {
        number++
        const key = number % 2 === 0 ? `good${number % 7}` : 'bad'
        return { key, payload: { number, text: 'x'.repeat(1000) } }
      })
      await films.writeMany(inputs)
    }
    await wal.start()
    const settled = async (): Promise<void> => {
      await vi.waitFor(
        async () => {
          const { targets } = await films.status()
          expect(targets['willing']?.delivery).toMatchObject({ pending: 0, inFlight: 0 })
          expect(targets['grudging']?.delivery).toMatchObject({ full: true })
        },
        { timeout: 50_000, interval: 20 },
      )
    }
    // From the second time on there are as many buffers to be used again as there will be.
    for (let round = 0; round < 2; round++) {
      await writeMany(5000)
      await settled()
    }
    const early = bytesInUse()
    for (let round = 0; round < 4; round++) await writeMany(5000)
    await settled()
    // 20 MB of payloads more have been written.
    expect(bytesInUse() - early).toBeLessThan(4 * 2 ** 20)
    const { targets } = await films.status()
    expect(targets['grudging']?.delivery?.held).toBeLessThanOrEqual(500 + 256)
    expect(targets['grudging']?.delivery?.pending).toBeGreaterThan(12_000)
    expect(targets['willing']?.dead).toBe(0)

    grudging.refused = undefined
    const { grudging: report } = await films.drain({ timeout: patience })
    expect(report).toMatchObject({ pending: 0, dead: 0, lost: 0 })
    expect(grudging.numbers).toEqual(willing.numbers)
    for (const numbers of grudging.numbers.values()) {
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    }
    expect([...grudging.numbers.values()].flat()).toHaveLength(30_000)
    expect((await films.status()).targets['grudging']?.delivery).toMatchObject({ full: false })
  })
})
