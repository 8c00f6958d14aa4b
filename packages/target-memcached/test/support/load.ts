import { createWal, fanOut, memoryQueue, type RetryOptions, type Target, type } from '@daybook/core'

/**
 * A wal in which every record has one attempt, unless told otherwise: one that is spent on an outage makes
 * a dead letter, and `finish` finds it.
 */
export async function openLoad(target: Target<number>, retry: RetryOptions = { maxAttempts: 1 }) {
  const wal = await createWal({
    namespaces: {
      load: fanOut({
        ...{ payload: type<number>(), queue: memoryQueue(), targets: { memcached: target } },
        retry,
        breaker: { minOpen: '50ms', maxOpen: '200ms' },
        batch: { maxRecords: 20 },
        concurrency: 2,
      }),
    },
  })
  const paused = new Set<string>()
  wal.on('paused', ({ reason, code }) => paused.add(`${reason} ${code}`))
  wal.on('error', () => {})
  const load = wal.namespace('load')
  const expected = new Map<string, number | null>()
  return {
    wal,
    /** Why delivery stopped meanwhile, as `reason code`. */
    paused,
    /** Every second record has a key of its own; of the others some are deletes. */
    async write(from: number, to: number): Promise<ReadonlySet<string>> {
      const keys = new Set<string>()
      for (let n = from; n < to; n++) {
        const key = n % 2 === 0 ? `own ${n}` : `shared ${n % 14}`
        const isDelete = n % 10 === 3
        keys.add(key)
        expected.set(key, isDelete ? null : n)
        if (isDelete) await load.delete({ key })
        else await load.write({ key, payload: n })
      }
      return keys
    },
    /** Waits until all is applied, and compares what any client finds with what was written. */
    async finish(
      get: (key: string) => Promise<string | undefined>,
      mayBeGone: (key: string) => boolean = () => false,
    ): Promise<{ wrong: readonly string[]; dead: number }> {
      await wal.drain({ timeout: '30s' })
      const { letters } = await load.deadLetters.list()
      await wal.close()
      const wrong: string[] = []
      for (const [key, value] of expected) {
        const text = await get(key.replace(' ', '%20'))
        const held = text === undefined ? undefined : JSON.parse(text)
        if (held === value || (held === undefined && mayBeGone(key))) continue
        wrong.push(`${key}: ${held} instead of ${value}`)
      }
      return { wrong, dead: letters.length }
    },
  }
}

/** What is to be found: all of it, and no attempt was spent. */
export const whole = { wrong: [], dead: 0 }
