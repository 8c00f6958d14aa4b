import { describe, expect, test } from 'vitest'
import type { Consumer, Delivery } from '../../src/consumer/consumer.ts'
import type { StoredDeadLetter } from '../../src/dlq/dlq.ts'
import { permanent, transient } from '../../src/target/target.ts'
import { makeDeadLetter } from '../../src/testing/make-record.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { type HarnessOptions, harness } from './support/harness.ts'
import { hiccup, ScriptedTarget } from './support/scripted-target.ts'

const never = permanent('NO', 'never')

/** A delivery that blocks, whose consumer parks, or fails so often to. */
function parking(
  failures = 0,
  onDeadLetter: 'block' | 'continue' = 'block',
  options: HarnessOptions['options'] = {},
) {
  const queue = new FakeQueue()
  const parked: string[] = []
  /** Keys whose records cannot be parked. */
  const refused = new Set<string | undefined>()
  const gates: Promise<void>[] = []
  let fails = failures
  const own = queue.consumer({ reload: false })
  const park = async (deliveries: readonly Delivery[]): Promise<void> => {
    await gates.shift()
    if (fails-- > 0) throw new Error('no room')
    const taken = deliveries.filter(({ record }) => !refused.has(record.key))
    parked.push(...taken.map(({ record }) => record.id))
    if (taken.length < deliveries.length) throw new Error('no partition')
  }
  const consumer = new Proxy(own, {
    get: (target, name) => (name === 'park' ? park : Reflect.get(target, name)),
  }) as Consumer
  const h = harness({ queue, consumer, options, policy: { onDeadLetter } })
  return Object.assign(h, { parked, gates, refused })
}

/** The copy of the first letter's record comes. */
function redriveFirst({ delivery, events, queue }: ReturnType<typeof harness>): void {
  const [letter] = events.letters as readonly StoredDeadLetter[]
  if (letter === undefined) throw new Error('There is no letter.')
  delivery.expectRedriven(letter)
  queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
}

/** A delivery whose consumer takes its time to note attempts. */
function held(target: ScriptedTarget) {
  const queue = new FakeQueue()
  const parked: string[] = []
  const gates: (() => void)[] = []
  const own = queue.consumer({ reload: false })
  const consumer: Consumer = new Proxy(own, {
    get: (of, name) => {
      if (name === 'park')
        return async (deliveries: readonly Delivery[]) =>
          void parked.push(...deliveries.map(({ record }) => record.id))
      if (name === 'saveAttempts')
        return async (saved: Parameters<Consumer['saveAttempts']>[0]) => {
          await new Promise<void>((resolve) => gates.push(resolve))
          await own.saveAttempts(saved)
        }
      return Reflect.get(of, name)
    },
  })
  const h = harness({ queue, consumer, target, policy: { onDeadLetter: 'block' } })
  return { h, parked, gates }
}

describe('records behind a dead letter of their key', () => {
  test('are parked in their order, also those that come later, and those of no other key', async () => {
    const h = parking()
    for (const key of ['a', 'a', 'b', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    await h.start()
    expect(h.parked).toEqual(['r2', 'r4'])
    for (const key of ['a', 'b', 'a']) h.queue.add({ key })
    await h.clock.settle()
    expect(h.parked).toEqual(['r2', 'r4', 'r5', 'r7'])
    expect(h.target.seen).toEqual(['r1', 'r3', 'r6'])
    expect(await h.delivery.status()).toMatchObject({ blockedKeys: 1, held: 4 })
  })

  test('are not parked where their key goes on', async () => {
    const h = parking(0, 'continue')
    for (const key of ['a', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    await h.start()
    expect(h.target.seen).toEqual(['r1', 'r2'])
    expect(h.parked).toEqual([])
  })

  test('are parked again, all of them and in order, after a failure that is told', async () => {
    const h = parking(2)
    for (const key of ['a', 'a', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    await h.start()
    expect(h.parked).toEqual([])
    h.queue.add({ key: 'a' })
    await h.clock.advance(60_000)
    expect(h.parked).toEqual(['r2', 'r3', 'r4'])
    expect(h.events.errors).toMatchObject([{ code: 'ERR_IO' }, { code: 'ERR_IO' }])
  })

  test('are parked after a failure also where nothing was left of what had failed', async () => {
    const h = parking(1)
    for (const key of ['a', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    await h.start()
    const [letter] = h.events.letters as readonly StoredDeadLetter[]
    await h.deadLetters.remove([letter?.id ?? ''])
    if (letter !== undefined) h.delivery.letterDiscarded(letter)
    await h.clock.advance(60_000)
    expect(h.target.seen).toEqual(['r1', 'r2'])
    for (const key of ['b', 'b']) h.queue.add({ key })
    h.target.script('r3', never)
    await h.clock.advance(60_000)
    expect(h.parked).toEqual(['r4'])
  })

  test('are parked after a failure also where its key was freed before it was told', async () => {
    const h = parking(1)
    const { promise, resolve } = Promise.withResolvers<void>()
    h.gates.push(promise)
    for (const key of ['a', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    await h.start()
    const [letter] = h.events.letters as readonly StoredDeadLetter[]
    await h.deadLetters.remove([letter?.id ?? ''])
    if (letter !== undefined) h.delivery.letterDiscarded(letter)
    await h.clock.advance(1000)
    expect(h.target.seen).toEqual(['r1', 'r2'])
    resolve()
    await h.clock.advance(60_000)
    for (const key of ['b', 'b']) h.queue.add({ key })
    h.target.script('r3', never)
    await h.clock.advance(60_000)
    expect(h.parked).toEqual(['r4'])
  })

  test('do not wait for those of another key that cannot be parked', async () => {
    const h = parking()
    for (let n = 0; n < 700; n++) h.queue.add({ key: 'a' })
    h.target.script('r1', never)
    h.refused.add('a')
    await h.start()
    for (const key of ['b', 'b']) h.queue.add({ key })
    h.target.script('r701', never)
    await h.clock.advance(60_000)
    expect(h.parked).toContain('r702')
  })

  test('are parked that come back from a batch after the letter of their key is there', async () => {
    const target = new ScriptedTarget({ appliesInOrder: 'key' })
    const { h, parked, gates } = held(target)
    for (const key of ['a', 'a', 'a']) h.queue.add({ key })
    target.script('r1', never)
    target.script('r2', hiccup)
    target.script('r3', hiccup)
    await h.start()
    expect(h.events.letters).toHaveLength(1)
    expect(parked).toEqual([])
    for (const open of gates) open()
    await h.clock.advance(1_000)
    expect(parked).toEqual(['r2', 'r3'])
  })

  test('are parked that were here before their key waited for a letter of another process', async () => {
    const h = parking(0, 'block', { sharesLetters: true })
    h.target.script('r1', transient('LATER', 'not now', { retryAfterMs: 60_000 }))
    for (const key of ['a', 'a']) h.queue.add({ key })
    await h.start()
    const record = { ...h.queue.add({ key: 'b' }), id: 'elsewhere', key: 'a' }
    await h.deadLetters.put([
      makeDeadLetter({ id: 'elsewhere/0/search', target: 'search', record }),
    ])
    await h.clock.advance(20_000)
    expect(h.target.seen).toEqual(['r1', 'r3'])
    expect(h.parked).toEqual(['r1', 'r2'])
  })

  test('are acked where they were applied while they were being parked', async () => {
    const h = parking()
    for (const key of ['a', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    let open = (): void => {}
    h.gates.push(
      new Promise<void>((resolve) => {
        open = resolve
      }),
    )
    await h.start()
    const [letter] = h.events.letters as readonly StoredDeadLetter[]
    await h.deadLetters.remove([letter?.id ?? ''])
    if (letter !== undefined) h.delivery.letterDiscarded(letter)
    await h.clock.settle()
    open()
    await h.drain()
    expect(h.queue.left).toEqual([])
  })

  test('are not parked while the copy that may free their key is tried', async () => {
    const h = parking()
    h.queue.add({ key: 'a' })
    h.target.script('r1', never, hiccup, never)
    await h.start()
    redriveFirst(h)
    await h.clock.settle()
    expect(h.target.seen).toEqual(['r1', 'r1'])
    // It waits out its backoff.
    h.queue.add({ key: 'a' })
    await h.clock.settle()
    expect(h.parked).toEqual([])
    await h.clock.advance(60_000)
    expect(h.target.seen).toEqual(['r1', 'r1', 'r1'])
    expect(h.parked).toEqual(['r3'])
  })

  test('are parked once the copy that might have freed their key has lost its lease', async () => {
    const h = parking()
    h.queue.canLoseLeases = true
    h.queue.add({ key: 'a' })
    h.target.script('r1', never, transient('LATER', 'not now', { retryAfterMs: 60_000 }))
    await h.start()
    h.queue.slots.length = 0
    redriveFirst(h)
    h.queue.add({ key: 'a' })
    await h.clock.advance(1_000)
    expect(h.parked).toEqual([])
    h.queue.loseLease('r1')
    await h.clock.advance(1_000)
    expect(h.parked).toEqual(['r2'])
  })

  test('are not joined by the copy that frees their key, and go after it', async () => {
    const h = parking()
    for (const key of ['a', 'a']) h.queue.add({ key })
    h.target.script('r1', never, never)
    await h.start()
    redriveFirst(h)
    await h.clock.settle()
    // It failed again, and so its key waits on.
    expect(h.target.seen).toEqual(['r1', 'r1'])
    h.queue.add({ key: 'a' })
    await h.clock.settle()
    expect(h.parked).toEqual(['r2', 'r4'])
  })
})
