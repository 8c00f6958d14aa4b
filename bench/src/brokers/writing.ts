import { bytesCodec, createWal, defineTarget, type Queue } from '@daybook/core'
import { cycle } from '../harness/cycle.ts'
import { makeKeys } from '../peers/payloads.ts'
import { Stopwatch } from './stopwatch.ts'
import type { BrokerRound } from './turns.ts'

/** What is written in a round. */
export interface WritingTask {
  readonly records: number
  readonly payloadBytes: number
  /** Writers in flight, each awaiting its receipt. */
  readonly writers: number
}

const distinctKeys = 10_000

const nothing = defineTarget<Uint8Array>(async () => {})

/**
 * Ours, as its user meets it: `namespace.write` with a key and bytes, awaited by each of the writers.
 * `calls` tells how many calls to the broker there were so far.
 */
export async function writeThroughWal(
  queue: Queue,
  { records, payloadBytes, writers }: WritingTask,
  calls: () => number,
): Promise<BrokerRound> {
  const wal = await createWal({
    namespaces: {
      bench: {
        ...{ codec: bytesCodec, queue, order: queue.supports.order },
        ...{ targets: { nothing }, deadLetters: queue.kind === 'kafka' ? undefined : 'off' },
      },
    },
  })
  const bench = wal.namespace('bench')
  const payload = new Uint8Array(payloadBytes).fill(7)
  const nextKey = cycle(makeKeys(distinctKeys))
  let left = records
  const writer = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await bench.write({ key: nextKey(), payload })
    }
  }
  try {
    const watch = new Stopwatch()
    const callsBefore = calls()
    watch.start()
    await Promise.all(Array.from({ length: writers }, writer))
    return watch.stop(records, calls() - callsBefore)
  } finally {
    await wal.close()
  }
}

/**
 * The bare client: so many loops, each of which sends a batch, awaits the answer, and sends the next.
 * What is sent is made anew each time, as it would be by its user.
 */
export async function writeBare<Message>(
  { records }: WritingTask,
  { loops, batchRecords }: { readonly loops: number; readonly batchRecords: number },
  make: (key: string, loop: number) => Message,
  send: (batch: Message[], loop: number) => Promise<unknown>,
): Promise<BrokerRound> {
  const nextKey = cycle(makeKeys(distinctKeys))
  let left = records
  let calls = 0
  const one = async (loop: number): Promise<void> => {
    while (left > 0) {
      const length = Math.min(left, batchRecords)
      left -= length
      calls += 1
      await send(
        Array.from({ length }, () => make(nextKey(), loop)),
        loop,
      )
    }
  }
  const watch = new Stopwatch()
  watch.start()
  await Promise.all(Array.from({ length: loops }, (_, loop) => one(loop)))
  return watch.stop(records, calls)
}
