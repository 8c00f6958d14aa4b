import { describe, expect, it } from 'vitest'
import { expectKept } from '../../../../tests/support/expect-kept.ts'
import type { Consumer } from '../../src/consumer/consumer.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { Queue } from '../../src/queue/queue.ts'
import { queueConformance, runConformance, VirtualClock } from '../../src/testing/index.ts'
import { boundConsumer, producerOver } from './broken-queues/breakage.ts'

const clock = new VirtualClock()
const shortDelayMs = 50

/** A queue on a machine that stands still for so long before each batch is stored. */
function stalling(stallMs: number, breakage: (consumer: Consumer) => Partial<Consumer>): Queue {
  const queue = memoryQueue({ maxBytes: 4 * 2 ** 20 })
  return {
    ...producerOver(queue, (producer) => {
      const sending = new Set<Promise<unknown>>()
      return {
        send(records, options) {
          const sent = clock.advance(stallMs).then(() => producer.send(records, options))
          sending.add(sent)
          return sent
        },
        close: () => Promise.all(sending).then(() => producer.close()),
      }
    }),
    consumer: async (target) => {
      const consumer = await queue.consumer(target)
      return { ...boundConsumer(consumer), ...breakage(consumer) }
    },
  }
}

function casesOn(
  stallMs: number,
  names: readonly string[],
  breakage: (consumer: Consumer) => Partial<Consumer> = () => ({}),
) {
  const cases = queueConformance({
    ...{ clock, passTime: (ms) => clock.advance(ms), shortDelayMs, quietMs: 5 },
    create: () => {
      const queue = stalling(stallMs, breakage)
      return { queue: () => queue, crash: () => {} }
    },
  })
  return cases.filter(({ name }) => names.length === 0 || names.includes(name))
}

describe('queueConformance on a machine that stands still for longer than a delay', () => {
  it('passes a whole queue', async () => {
    expectKept(await runConformance(casesOn(shortDelayMs * 6, [])))
  })

  it('finds a watermark that covers delayed records where it was not asked', async () => {
    const name = 'covers delayed records by a watermark only where asked'
    const cases = casesOn(shortDelayMs * 6, [name], (consumer) => ({
      watermark: async () => ({
        covers: () => true,
        remaining: async () => (await consumer.backlog()).pending,
      }),
    }))
    const [result] = await runConformance(cases)
    expect(result?.failure).toMatchObject({ name: 'AssertionError' })
  })

  it('finds a queue that hands out the last record of a key first', async () => {
    const name = 'hands out a record that became due after those of its key sent before'
    const cases = casesOn(shortDelayMs * 6, [name], (consumer) => ({
      pull: async (options) => [...(await consumer.pull(options))].reverse(),
    }))
    const [result] = await runConformance(cases)
    expect(String(result?.failure)).toContain('joins the records of its key')
  })

  it('gives up, and says why, where each run stands still for longer', async () => {
    const name = 'covers delayed records by a watermark only where asked'
    const [result] = await runConformance(casesOn(shortDelayMs * 1_000, [name]))
    expect(String(result?.failure)).toContain('or the machine stood still')
  })
})
