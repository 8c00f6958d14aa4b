import { createWal, fanOut, memoryQueue, type Target, type } from '@daybook/core'
import type { RedisClient } from '../../src/index.ts'

/**
 * A wal in which every record has one attempt: one that is spent on an outage makes a dead letter, and
 * `finish` finds it.
 */
export async function openLoad(target: Target<number>) {
  const wal = await createWal({
    namespaces: {
      load: fanOut({
        ...{ payload: type<number>(), queue: memoryQueue(), targets: { redis: target } },
        retry: { maxAttempts: 1 },
        breaker: { minOpen: '50ms', maxOpen: '200ms' },
        batch: { maxRecords: 20 },
        concurrency: 2,
      }),
    },
  })
  const paused = new Set<string>()
  let pauses = 0
  wal.on('paused', ({ reason, code }) => {
    paused.add(`${reason} ${code}`)
    pauses++
  })
  wal.on('error', () => {})
  const load = wal.namespace('load')
  const expected = new Map<string, number | undefined>()
  return {
    wal,
    /** Why delivery stopped meanwhile, as `reason code`. */
    paused,
    /** How often it stopped. */
    pauses: () => pauses,
    async put(key: string, n: number): Promise<void> {
      expected.set(key, n)
      await load.write({ key, payload: n })
    },
    /** Every second record has a key of its own; of the others some are deletes. */
    async write(from: number, to: number): Promise<void> {
      for (let n = from; n < to; n++) {
        const key = n % 2 === 0 ? `own ${n}` : `shared ${n % 14}`
        const isDelete = n % 10 === 3
        expected.set(key, isDelete ? undefined : n)
        if (isDelete) await load.delete({ key })
        else await load.write({ key, payload: n })
      }
    },
    /** Waits until all is applied, and compares what any client finds with what was written. */
    async finish(client: RedisClient): Promise<{ lost: readonly string[]; dead: number }> {
      await wal.drain({ timeout: '30s' })
      const { letters } = await load.deadLetters.list()
      await wal.close()
      const lost: string[] = []
      for (const [key, value] of expected) {
        const held = await client.get(key)
        const want = value === undefined ? null : `${value}`
        if (held !== want) lost.push(`${key}: ${held} instead of ${want}`)
      }
      return { lost, dead: letters.length }
    },
  }
}

/** What is to be found: all of it, and no attempt was spent. */
export const whole = { lost: [], dead: 0 }
