import { describe, expect, test } from 'vitest'
import type { Consumer } from '../../src/consumer/consumer.ts'
import { WalError } from '../../src/errors.ts'
import { makeDeadLetter } from '../../src/testing/make-record.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { FakeDeadLetters, harness } from './support/harness.ts'

const copyOf = (key: string) => ({ id: 'copy', key, target: 'search', attemptEpoch: 1 })

/** A consumer whose acks are ended by hand. */
function consumerOf(queue: FakeQueue, acks: Consumer['acks']) {
  const consumer = queue.consumer()
  const ack = consumer.ack.bind(consumer)
  const calls: { readonly ids: readonly string[]; end(): void }[] = []
  consumer.ack = async (deliveries) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    calls.push({ ids: deliveries.map(({ record }) => record.id), end: resolve })
    await promise
    await ack(deliveries)
  }
  return { consumer: Object.assign(consumer, { acks }), calls }
}

describe('the ack of the copy of a dead letter', () => {
  test.each([
    ['where several go at once', { atOnce: 4, records: 1 }],
    ['where the consumer says that one goes at a time', { atOnce: 1, records: 1 }],
  ])('goes beside none of its key, before or after it, %s', async (_, acks) => {
    const queue = new FakeQueue()
    const { consumer, calls } = consumerOf(queue, acks)
    queue.add({ id: 'before', key: 'a' })
    queue.add(copyOf('a'))
    queue.add({ id: 'after', key: 'a' })
    const h = harness({ queue, consumer })
    await h.start()
    expect(h.target.seen).toEqual(['before', 'copy', 'after'])
    expect(calls.map(({ ids }) => ids)).toEqual([['before']])
    calls[0]?.end()
    await h.clock.settle()
    expect(calls.slice(1).map(({ ids }) => ids)).toEqual([['copy', 'after']])
    calls[1]?.end()
    await h.clock.settle()
    expect(queue.left).toEqual([])
  })

  test('that fails is tried again, and then its letter goes', async () => {
    const queue = new FakeQueue()
    queue.add(copyOf('a'))
    queue.failNext('ack')
    const deadLetters = new FakeDeadLetters()
    const h = harness({ queue, deadLetters })
    deadLetters.letters.set('copy.0:search', makeDeadLetter({ id: 'copy.0:search' }))
    await h.start()
    expect([...deadLetters.letters.keys()]).toEqual(['copy.0:search'])
    expect(h.events.errors).toMatchObject([{ message: expect.stringContaining('tried again') }])
    await h.clock.advance(60_000)
    expect(queue.left).toEqual([])
    expect([...deadLetters.letters.keys()]).toEqual([])
    expect(h.events.errors).toHaveLength(1)
  })
})

describe('the letter of a redriven record', () => {
  test('is not looked for where letters cannot be listed, and nobody is told of an error', async () => {
    const deadLetters = new FakeDeadLetters()
    const void_: string[] = []
    const h = harness({
      deadLetters: Object.assign(deadLetters, {
        supports: { listing: false, counts: false },
        removeIfSeen: async (ids: readonly string[]) => void void_.push(...ids),
        remove: () => Promise.reject(new WalError('ERR_DEAD_LETTERS_UNSEEN', 'Not all were seen.')),
      }),
    })
    h.queue.add(copyOf('a'))
    expect(await h.run()).toMatchObject({ applied: 1 })
    expect(void_).toEqual(['copy.0:search'])
    expect(h.events.errors).toEqual([])
  })
})
