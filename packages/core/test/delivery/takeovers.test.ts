import { expect, test } from 'vitest'
import type { Consumer, Delivery } from '../../src/consumer/consumer.ts'
import { Takeovers } from '../../src/delivery/takeovers.ts'
import { deadLetterId } from '../../src/dlq/dlq.ts'
import { applied, type Outcome } from '../../src/target/target.ts'
import { makeDeadLetter } from '../../src/testing/make-record.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { FakeDeadLetters, type HarnessOptions, harness } from './support/harness.ts'

/** A delivery whose consumer can be given what another process has delivered from. */
function takingOver(
  onDeadLetter: 'block' | 'continue' = 'block',
  policy: HarnessOptions['policy'] = {},
) {
  const queue = new FakeQueue()
  const deadLetters = new FakeDeadLetters()
  const state = {
    takeovers: 1,
    ack: (_: readonly Delivery[]): Promise<void> | undefined => undefined,
  }
  const own = queue.consumer()
  const ack = (deliveries: readonly Delivery[]) => state.ack(deliveries) ?? own.ack(deliveries)
  const consumer = new Proxy(own, {
    get: (target, name) => {
      if (name === 'ack') return ack
      return name === 'takeovers' ? state.takeovers : Reflect.get(target, name)
    },
  }) as Consumer
  const h = harness({ queue, consumer, deadLetters, policy: { ...policy, onDeadLetter } })
  /** Another process, which then dies, has a dead letter of the key. */
  const takeOver = async (...keys: readonly string[]): Promise<void> => {
    const record = queue.add({ id: 'dead', key: 'a' })
    queue.slots.pop()
    const letter = makeDeadLetter({ id: deadLetterId(record, 'search'), target: 'search', record })
    await deadLetters.put([letter])
    state.takeovers++
    for (const key of keys) queue.add({ key })
  }
  return Object.assign(h, { takeOver, state })
}

/** The copy of another process's letter is applied here, and its ack waits for `answer`. */
async function ackingCopy() {
  const h = takingOver()
  h.queue.canLoseLeases = true
  await h.start()
  await h.takeOver()
  const [letter] = h.deadLetters.letters.values()
  const copy = { ...letter?.record, target: 'search', attemptEpoch: 1 }
  const { promise, resolve: answer } = Promise.withResolvers<void>()
  h.state.ack = (deliveries) =>
    deliveries.some(({ record }) => record.id === 'dead') ? promise : undefined
  h.queue.add(copy)
  await h.clock.settle()
  expect(h.target.seen).toEqual(['dead'])
  return { h, copy, answer }
}

test('a key waits for the letter of another process once what that delivered from is taken over', async () => {
  const h = takingOver()
  h.queue.add({ key: 'a' })
  await h.start()
  expect(h.target.seen).toEqual(['r1'])
  await h.takeOver('a', 'b')
  await h.clock.settle()
  expect(h.target.seen).toEqual(['r1', 'r3'])
  expect(await h.delivery.status()).toMatchObject({ blockedKeys: 1, held: 1 })
})

test('what is ready of a key waits, too, for a letter of which is learned as something is taken over', async () => {
  const h = takingOver('block', {
    concurrency: 1,
    batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 },
  })
  const answer = Promise.withResolvers<Outcome>()
  h.target.script('r1', () => answer.promise)
  for (const key of ['b', 'a']) h.queue.add({ key })
  await h.start()
  await h.takeOver('b')
  await h.clock.settle()
  expect(h.target.seen).toEqual(['r1'])
  answer.resolve(applied)
  await h.clock.settle()
  expect(h.target.seen).toEqual(['r1', 'r3'])
})

test('what was taken over waits until the letters can be read', async () => {
  const h = takingOver()
  await h.start()
  const { summaries } = h.deadLetters
  h.deadLetters.summaries = () => {
    throw new Error('not now')
  }
  await h.takeOver('a', 'b')
  await h.clock.advance(5_000)
  expect(h.target.seen).toEqual([])
  expect(h.events.errors[0]).toMatchObject({ code: 'ERR_IO' })
  h.deadLetters.summaries = summaries
  await h.clock.advance(60_000)
  expect(h.target.seen).toEqual(['r2'])
})

test('a record that comes again although its letter is there is done with', async () => {
  const h = takingOver()
  await h.start()
  await h.takeOver()
  const [letter] = h.deadLetters.letters.values()
  h.queue.add({ ...letter?.record })
  h.queue.add({ key: 'a' })
  await h.clock.settle()
  expect(h.target.seen).toEqual([])
  expect(h.queue.left).toEqual(['r2'])
})

test('a letter whose copy came to its end here, and comes again, holds its key until it has', async () => {
  const { h, copy, answer } = await ackingCopy()
  // The partition is lost before the ack counts, and is this process's again at once.
  h.queue.loseLease('dead')
  h.state.takeovers++
  h.state.ack = () => undefined
  h.queue.add({ key: 'a' })
  await h.clock.settle()
  answer()
  await h.clock.settle()
  expect(h.target.seen).toEqual(['dead'])
  h.queue.add(copy)
  await h.clock.settle()
  expect(h.target.seen).toEqual(['dead', 'dead', 'r2'])
})

test('the letters of others are not asked for where keys go on', async () => {
  const h = takingOver('continue')
  await h.start()
  await h.takeOver('a')
  await h.clock.settle()
  expect(h.target.seen).toEqual(['r1'])
})

test('a copy whose lease is lost while the letters are read is waited for, too', async () => {
  const { h, answer } = await ackingCopy()
  // Something else is taken over, and the letters are read for that.
  const gate = Promise.withResolvers<void>()
  const { summaries } = h.deadLetters
  h.deadLetters.summaries = async function* () {
    await gate.promise
    yield* summaries.call(h.deadLetters)
  }
  h.state.takeovers++
  h.queue.add({ key: 'b' })
  await h.clock.settle()
  // Meanwhile the copy's partition is lost, and is this process's again at once.
  h.queue.loseLease('dead')
  h.state.takeovers++
  h.state.ack = () => undefined
  h.queue.add({ key: 'a', id: 'waits' })
  gate.resolve()
  await h.clock.settle()
  answer()
  await h.clock.settle()
  expect(h.target.seen.filter((id) => id === 'waits')).toEqual([])
})

test('what was taken over does not wait for a copy whose lease is alive', async () => {
  const h = takingOver()
  h.queue.canLoseLeases = true
  await h.start()
  await h.takeOver()
  const [letter] = h.deadLetters.letters.values()
  h.state.ack = (deliveries) =>
    deliveries.some(({ record }) => record.id === 'dead') ? new Promise(() => {}) : undefined
  h.queue.add({ ...letter?.record, target: 'search', attemptEpoch: 1 })
  await h.clock.settle()
  h.state.takeovers++
  h.queue.add({ key: 'b', id: 'other' })
  await h.clock.settle()
  expect(h.target.seen).toEqual(['dead', 'other'])
})

test.each(['before its letter is read, and that goes meanwhile', 'while its letter is read'])(
  'a key does not wait for a letter whose copy was applied %s',
  async (when) => {
    const h = takingOver()
    await h.start()
    await h.takeOver()
    const [letter] = h.deadLetters.letters.values()
    const gone = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<Outcome>()
    h.state.ack = (deliveries) =>
      deliveries.some(({ record }) => record.id === 'dead') ? gone.promise : undefined
    h.target.script('dead', () => answer.promise)
    h.queue.add({ ...letter?.record, target: 'search', attemptEpoch: 1 })
    await h.clock.settle()
    const isBefore = when !== 'while its letter is read'
    if (isBefore) answer.resolve(applied)
    await h.clock.settle()
    const gate = Promise.withResolvers<void>()
    const { summaries } = h.deadLetters
    h.deadLetters.summaries = async function* () {
      yield* summaries.call(h.deadLetters)
      await gate.promise
    }
    h.state.takeovers++
    h.queue.add({ key: 'a', id: 'waits' })
    await h.clock.settle()
    answer.resolve(applied)
    await h.clock.settle()
    gone.resolve()
    await h.clock.settle()
    gate.resolve()
    await h.clock.settle()
    expect(h.target.seen).toEqual(['dead', 'waits'])
  },
)

test('what was taken over is waited for no longer than until the delivery stops, however long its letters take', async () => {
  const options = {
    ...{ targetName: 'search', consumer: { takeovers: 0 } },
    blockers: { blocks: true, watchRemovals: () => ({ ids: new Set(), end() {} }) },
    removed: async () => {},
    deadLetters: { summaries: () => ({ [Symbol.asyncIterator]: () => ({ next: () => never }) }) },
    report: (code: string) => reported.push(code),
  }
  const never = new Promise<never>(() => {})
  const reported: string[] = []
  const takeovers = new Takeovers(options as never)
  options.consumer.takeovers++
  const stopping = new AbortController()
  const learning = takeovers.learn(stopping.signal)
  stopping.abort()
  await expect(learning).resolves.toBeUndefined()
  expect(reported).toEqual([])
  expect(takeovers.learn(stopping.signal)).toBeDefined()
})
