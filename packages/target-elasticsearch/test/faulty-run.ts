import { createWal, fanOut, memoryQueue, type PausedEvent, type Target, type } from '@daybook/core'
import type { Film } from './conformance-subject.ts'

/** A wal that delivers films to one target, and what was seen of it. */
export interface FilmsRun extends AsyncDisposable {
  readonly wal: Awaited<ReturnType<typeof open>>
  /** What the store must hold in the end, by key. */
  readonly expected: Map<string, Film>
  readonly paused: readonly PausedEvent[]
  /** The highest attempt that an apply was told of: 1 as long as none was spent. */
  readonly highestAttempt: number
  /** Puts, and now and then a delete, of so many keys. */
  write(count: number, keys: number): Promise<void>
  /** How many records came to which end. */
  readonly ends: Readonly<Record<'applied' | 'superseded' | 'dead', number>>
  /** Waits until everything has come to its end. */
  settle(): Promise<void>
}

const open = (target: Target<Film>, concurrency: number) =>
  createWal({
    namespaces: {
      films: fanOut({
        ...{
          payload: type<Film>(),
          queue: memoryQueue(),
          targets: { search: target },
          concurrency,
        },
        batch: { maxRecords: 50 },
        // So few that an outage would use them up, were it to cost any.
        retry: { maxAttempts: 2, minDelay: '20ms', maxDelay: '100ms' },
        breaker: { minOpen: '50ms', maxOpen: '250ms' },
        applyTimeout: '20s',
      }),
    },
  })

/** Starts to deliver. */
export async function deliver(target: Target<Film>, concurrency = 4): Promise<FilmsRun> {
  const paused: PausedEvent[] = []
  const expected = new Map<string, Film>()
  let highestAttempt = 0
  let written = 0
  const watched: Target<Film> = {
    ...target,
    apply(records, context) {
      highestAttempt = Math.max(highestAttempt, ...context.attempts)
      return target.apply(records, context)
    },
  }
  const wal = await open(watched, concurrency)
  const ends = { applied: 0, superseded: 0, dead: 0 }
  wal.on('paused', (event) => paused.push(event))
  wal.on('applied', ({ records }) => {
    ends.applied += records.length
  })
  wal.on('superseded', ({ records }) => {
    ends.superseded += records.length
  })
  wal.on('deadLettered', () => {
    ends.dead++
  })
  await wal.start()
  return {
    ...{ wal, expected, paused, ends },
    get highestAttempt() {
      return highestAttempt
    },
    async write(count, keys) {
      const writes = Array.from({ length: count }, () => {
        const number = written++
        const key = `film ${number % keys}`
        if (number % 11 === 10) {
          expected.delete(key)
          return wal.namespace('films').delete({ key })
        }
        const payload = { title: key, year: number }
        expected.set(key, payload)
        return wal.namespace('films').write({ key, payload })
      })
      await Promise.all(writes)
    },
    async settle() {
      const { search } = await wal.namespace('films').drain({ timeout: '60s' })
      if (search.pending > 0) throw new Error(`${search.pending} records are still pending`)
    },
    [Symbol.asyncDispose]: () => wal.close(),
  }
}
