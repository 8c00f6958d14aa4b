import { describe, expect, it } from 'vitest'
import { createWal, memoryQueue, permanent, type Queue, type WalRecord } from '../../src/index.ts'
import { faultyQueue } from '../../src/testing/index.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'

/** A service whose letters hold their keys, with what survives its restarts. */
class Service {
  readonly applied: string[] = []
  /** What `apply` does with a record; it applies it unless told. */
  refuses: (record: WalRecord) => boolean = () => false
  /** Set: applies wait for it. */
  gate: Promise<void> | undefined
  readonly #directory: string | undefined
  readonly #queue: Queue | undefined
  readonly #heldRecords: number

  constructor(kind: 'memory' | 'file', directory: string, heldRecords: number) {
    this.#directory = kind === 'file' ? directory : undefined
    this.#queue = kind === 'memory' ? memoryQueue() : undefined
    this.#heldRecords = heldRecords
  }

  async open() {
    const wal = await createWal({
      directory: this.#directory,
      namespaces: {
        films: {
          queue: this.#queue && faultyQueue(this.#queue, {}),
          onDeadLetter: 'block',
          limits: { heldRecords: this.#heldRecords },
          targets: {
            search: {
              idempotency: 'id',
              apply: async (records) => {
                await this.gate
                return records.map((record) => {
                  if (this.refuses(record)) return permanent('NO', 'never')
                  this.applied.push(`${record.payload}`)
                  return { status: 'applied' }
                })
              },
            },
          },
        },
      },
    })
    return { wal, films: wal.namespace('films'), letters: wal.namespace('films').deadLetters }
  }
}

const underWay = { code: 'ERR_REDRIVE_UNDER_WAY', retryable: true }

describe.each(['memory', 'file'] as const)('a letter that holds its key, on a %s queue', (kind) => {
  /** A service in whose queue A is a dead letter, and `waiting` records wait for it. */
  async function blockedBehindA(waiting: number, heldRecords = 100_000) {
    const service = new Service(kind, await temporaryDirectory(), heldRecords)
    service.refuses = ({ payload }) => payload === 'A'
    const { wal, films } = await service.open()
    await films.write({ key: 'k', payload: 'A' })
    for (let i = 0; i < waiting; i++) await films.write({ key: 'k', payload: `w${i}` })
    await wal.start()
    await wal.drain()
    await wal.close()
    service.refuses = () => false
    return { service, rest: Array.from({ length: waiting }, (_, i) => `w${i}`) }
  }

  it('is redriven once, though it is redriven twice, before delivery begins and after', async () => {
    const { service, rest } = await blockedBehindA(3)
    const first = await service.open()
    expect((await first.letters.redrive('all')).redriven).toHaveLength(1)
    expect(await first.letters.redrive('all')).toMatchObject({ failed: [{ error: underWay }] })
    await first.wal.close()

    const second = await service.open()
    expect(await second.letters.redrive('all')).toMatchObject({ failed: [{ error: underWay }] })
    await second.wal.start()
    expect(await second.wal.drain()).toMatchObject({ films: { search: { applied: 4 } } })
    expect(service.applied).toEqual(['A', ...rest])
    expect(await second.letters.count()).toEqual(new Map())
    await second.wal.close()
  })

  it('is redriven once by two calls at once', async () => {
    const { service, rest } = await blockedBehindA(2)
    const { wal, letters } = await service.open()
    const reports = await Promise.all([letters.redrive('all'), letters.redrive('all')])
    expect(reports.map(({ redriven }) => redriven.length).sort()).toEqual([0, 1])
    await wal.start()
    await wal.drain()
    expect(service.applied).toEqual(['A', ...rest])
    await wal.close()
  })

  it('cannot be discarded nor redriven while its record is being applied again', async () => {
    const { service, rest } = await blockedBehindA(2)
    const { wal, films, letters } = await service.open()
    const { promise, resolve } = Promise.withResolvers<void>()
    service.gate = promise
    await wal.start()
    await letters.redrive('all')
    await films.write({ key: 'other', payload: 'B' })
    await expect(letters.discard('all')).rejects.toMatchObject(underWay)
    expect(await letters.redrive('all', { dryRun: true })).toMatchObject({
      redriven: [],
      failed: [{ error: underWay }],
    })
    expect((await letters.list()).letters).toHaveLength(1)
    resolve()
    await wal.drain()
    expect(service.applied.filter((payload) => payload !== 'B')).toEqual(['A', ...rest])
    await wal.close()
  })

  it('that is discarded lets its key go on, and is not applied', async () => {
    const { service, rest } = await blockedBehindA(2)
    const { wal, letters } = await service.open()
    await wal.start()
    expect(await letters.discard('all')).toBe(1)
    await wal.drain()
    expect(service.applied).toEqual(rest)
    await wal.close()
  })

  it('is redriven again once its record has failed again', async () => {
    const { service, rest } = await blockedBehindA(2)
    service.refuses = ({ payload }) => payload === 'A'
    const { wal, letters } = await service.open()
    await wal.start()
    for (let round = 0; round < 3; round++) {
      expect(await letters.redrive('all')).toMatchObject({ failed: [] })
      await wal.drain()
    }
    service.refuses = () => false
    expect(await letters.redrive('all')).toMatchObject({ failed: [] })
    await wal.drain()
    expect(service.applied).toEqual(['A', ...rest])
    await wal.close()
  })

  it('is found behind more records than may be held, also after a restart', async () => {
    for (const beforeStart of [true, false]) {
      const { service, rest } = await blockedBehindA(400, 20)
      const { wal, films, letters } = await service.open()
      if (beforeStart) await letters.redrive('all')
      await films.write({ key: 'other', payload: 'B' })
      await wal.start()
      if (!beforeStart) await letters.redrive('all')
      let mostHeld = 0
      wal.on('applied', async () => {
        const { films: now } = (await wal.status()).namespaces
        mostHeld = Math.max(mostHeld, now.targets.search.delivery?.held ?? 0)
      })
      expect(await wal.drain()).toMatchObject({ films: { search: { applied: 402, pending: 0 } } })
      expect(service.applied.filter((payload) => payload !== 'B')).toEqual(['A', ...rest])
      expect(mostHeld).toBeLessThanOrEqual(21)
      await wal.close()
    }
  })
})
