import { describe, expect, test } from 'vitest'
import type { StoredDeadLetter } from '../../src/dlq/dlq.ts'
import { permanent } from '../../src/target/target.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { FakeDeadLetters, harness } from './support/harness.ts'
import { hiccup } from './support/scripted-target.ts'

const never = permanent('NO', 'never')

describe('a dead letter that cannot be stored', () => {
  test('keeps its record unacked and its key held, and is put again', async () => {
    const h = harness()
    h.queue.add({ key: 'a' })
    h.queue.add({ key: 'a' })
    h.queue.add({ key: 'b' })
    h.target.script('r1', never)
    h.deadLetters.refuses = () => true
    await h.start()
    await h.clock.advance(600_000)
    expect(h.queue.left).toEqual(['r1', 'r2'])
    expect(h.target.seen).toEqual(['r1', 'r3'])
    expect(h.events.errors[0]).toMatchObject({ code: 'ERR_DLQ_WRITE', retryable: true })
    expect(h.events.letters).toEqual([])
    expect(await h.delivery.status()).toMatchObject({ held: 2, inFlight: 0, deadLettered: 0 })
    h.deadLetters.refuses = undefined
    expect(await h.drain()).toMatchObject({ dead: 1, applied: 1 })
    expect(h.queue.left).toEqual([])
  })

  test('stands in the way of no other letter', async () => {
    const h = harness()
    h.queue.addMany(20)
    h.target.always = () => never
    h.deadLetters.refuses = ({ record }) => record.id === 'r7'
    await h.start()
    await h.clock.advance(600_000)
    expect(h.queue.left).toEqual(['r7'])
    expect(h.deadLetters.letters.size).toBe(19)
  })

  test('stops the pulling once as many are held as may be', async () => {
    const h = harness({ policy: { held: { maxRecords: 300, maxBytes: 1e9 } } })
    h.queue.addMany(2000)
    h.target.always = () => never
    h.deadLetters.refuses = () => true
    await h.start()
    await h.clock.advance(60_000)
    expect(h.queue.mostLeased).toBeLessThan(900)
    expect(await h.delivery.status()).toMatchObject({ full: true })
    h.deadLetters.refuses = undefined
    expect(await h.drain()).toMatchObject({ dead: 2000 })
  })

  test('is given back when the delivery stops, and not tried again after its last attempt', async () => {
    const queue = new FakeQueue()
    queue.add()
    const deadLetters = new FakeDeadLetters()
    deadLetters.refuses = () => true
    const policy = { retry: { maxAttempts: 1, minDelayMs: 1, maxDelayMs: 1 } }
    const first = harness({ queue, deadLetters, policy })
    first.target.always = () => hiccup
    await first.start()
    await first.stop()
    expect(queue.released).toMatchObject([{ delivery: { record: { id: 'r1' } }, delayMs: 0 }])
    queue.kill()
    deadLetters.refuses = undefined
    const second = harness({ queue, deadLetters, policy })
    expect(await second.run()).toMatchObject({ dead: 1 })
    expect(second.target.calls).toEqual([])
    expect(second.events.letters[0]).toMatchObject({ code: 'HICCUP', attemptsSpent: 1 })
  })
})

describe('where a dead letter blocks its key', () => {
  const policy = { onDeadLetter: 'block' } as const

  async function blocked() {
    const h = harness({ policy })
    for (const key of ['a', 'a', 'b', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    await h.start()
    await h.clock.settle()
    const [letter] = h.events.letters
    return Object.assign(h, { letter: letter as StoredDeadLetter })
  }

  test('later records of the key wait, and others go on', async () => {
    const h = await blocked()
    expect(h.target.seen).toEqual(['r1', 'r3'])
    expect(await h.delivery.status()).toMatchObject({ blockedKeys: 1, held: 2 })
  })

  test('a drain ends with what is blocked', async () => {
    const h = await blocked()
    expect(await h.drain()).toMatchObject({ blocked: 2, pending: 0 })
  })

  test('the key goes on once the letter is discarded', async () => {
    const h = await blocked()
    await h.deadLetters.remove([h.letter.id])
    h.delivery.letterDiscarded(h.letter)
    await h.drain()
    expect(h.target.seen).toEqual(['r1', 'r3', 'r2', 'r4'])
    expect(await h.delivery.status()).toMatchObject({ blockedKeys: 0, held: 0 })
  })

  test('the redriven copy goes before those that wait', async () => {
    const h = await blocked()
    h.delivery.expectRedriven(h.letter)
    h.queue.add({ ...h.letter.record, target: 'search', attemptEpoch: 1 })
    await h.deadLetters.remove([h.letter.id])
    expect(await h.drain()).toMatchObject({ pending: 0, blocked: 0 })
    expect(h.target.seen).toEqual(['r1', 'r3', 'r1', 'r2', 'r4'])
    expect(h.target.calls.at(2)?.context.attempts).toEqual([1])
  })

  test('a redriven copy that fails again blocks the key again, with a letter of its own', async () => {
    const h = await blocked()
    h.target.script('r1', never)
    h.delivery.expectRedriven(h.letter)
    h.queue.add({ ...h.letter.record, target: 'search', attemptEpoch: 1 })
    await h.clock.settle()
    await h.deadLetters.remove([h.letter.id])
    await h.clock.settle()
    expect([...h.deadLetters.letters.keys()]).toEqual(['r1.1:search'])
    expect(await h.drain()).toMatchObject({ blocked: 2, pending: 0 })
    expect(await h.delivery.status()).toMatchObject({ blockedKeys: 1 })
  })

  test('a redriven copy retries before those that wait, too', async () => {
    const h = await blocked()
    h.target.script('r1', hiccup)
    h.delivery.expectRedriven(h.letter)
    h.queue.add({ ...h.letter.record, target: 'search', attemptEpoch: 1 })
    await h.deadLetters.remove([h.letter.id])
    await h.drain()
    expect(h.target.seen).toEqual(['r1', 'r3', 'r1', 'r1', 'r2', 'r4'])
  })

  test('the copy is found behind more than may be held, and no more are held meanwhile', async () => {
    const h = harness({ policy: { ...policy, held: { maxRecords: 50, maxBytes: 1e9 } } })
    for (let index = 0; index < 5000; index++) h.queue.add({ key: 'a' })
    h.target.script('r1', never)
    await h.start()
    expect(await h.delivery.status()).toMatchObject({ full: true, held: 50 })
    const letter = h.events.letters[0] as StoredDeadLetter
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    await h.clock.settle()
    expect(h.target.seen).toEqual(['r1'])
    h.delivery.expectRedriven(letter)
    expect(await h.drain()).toMatchObject({ applied: 5000, pending: 0, blocked: 0 })
    expect(h.target.seen.slice(0, 3)).toEqual(['r1', 'r1', 'r2'])
    expect(h.queue.looksAhead).toBe(1)
    expect(h.queue.mostLeased).toBeLessThanOrEqual(52)
  })

  test('a copy that dies again leaves the bound as it is', async () => {
    const h = harness({ policy: { ...policy, held: { maxRecords: 50, maxBytes: 1e9 } } })
    for (let index = 0; index < 500; index++) h.queue.add({ key: 'a' })
    h.target.script('r1', never, never)
    await h.start()
    const letter = h.events.letters[0] as StoredDeadLetter
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    h.delivery.expectRedriven(letter)
    expect(await h.drain()).toMatchObject({ dead: 1, blocked: 50 })
    expect(h.queue.leased).toBe(50)
  })

  test('a queue that cannot be looked through is looked through again', async () => {
    const h = harness({ policy: { ...policy, held: { maxRecords: 5, maxBytes: 1e9 } } })
    for (let index = 0; index < 20; index++) h.queue.add({ key: 'a' })
    h.target.script('r1', never)
    await h.start()
    const letter = h.events.letters[0] as StoredDeadLetter
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    h.queue.failNext('pullAhead', 'the disk is gone')
    h.delivery.expectRedriven(letter)
    expect(await h.drain()).toMatchObject({ applied: 20, blocked: 0 })
    expect(h.events.errors).toMatchObject([{ code: 'ERR_IO' }])
    expect(h.events.errors[0]?.message).toContain('the disk is gone')
  })

  test('where a queue does not offer to be looked through, the copy is pulled past the bound', async () => {
    const queue = new FakeQueue()
    const bounded = { ...policy, held: { maxRecords: 5, maxBytes: 1e9 } }
    const h = harness({ queue, consumer: queue.consumer({ ahead: false }), policy: bounded })
    for (let index = 0; index < 40; index++) h.queue.add({ key: 'a' })
    h.target.script('r1', never)
    await h.start()
    const letter = h.events.letters[0] as StoredDeadLetter
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    await h.clock.settle()
    expect(await h.delivery.status()).toMatchObject({ full: true })
    h.delivery.expectRedriven(letter)
    await h.drain()
    expect(h.target.seen.slice(0, 3)).toEqual(['r1', 'r1', 'r2'])
    expect(h.queue.left).toEqual([])
  })

  test('of each letter is known whether its copy is on its way', async () => {
    const h = await blocked()
    const { letter, delivery } = h
    const states: string[] = []
    const note = async () => void states.push(await delivery.copyOf(letter))
    await note()
    h.target.script(
      'r1',
      () => new Promise((resolve) => h.clock.setTimer(5, () => resolve(hiccup))),
    )
    delivery.expectRedriven(letter)
    await note()
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    await h.clock.settle()
    await note()
    await h.clock.advance(5)
    await note()
    await h.drain()
    expect(states).toEqual(['here', 'underWay', 'underWay', 'underWay'])
    expect(h.deadLetters.letters.size).toBe(0)
  })

  test('a redrive told after its copy died again lifts no bound', async () => {
    const h = harness({ policy: { ...policy, held: { maxRecords: 50, maxBytes: 1e9 } } })
    h.queue.add({ key: 'a' })
    h.target.script('r1', never, never)
    await h.start()
    const letter = h.events.letters[0] as StoredDeadLetter
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    await h.clock.settle()
    expect([...h.deadLetters.letters.keys()]).toEqual(['r1.1:search'])
    h.delivery.expectRedriven(letter)
    for (let index = 0; index < 2000; index++) h.queue.add({ key: 'a' })
    await h.clock.settle()
    expect(await h.delivery.status()).toMatchObject({ full: true, held: 50 })
    expect(h.queue.leased).toBe(50)
  })

  /** A letter of key 'a', `waiting` records behind it, and a process that ended after a redrive. */
  async function redrivenBeforeRestart(waiting: number) {
    const first = harness({ policy })
    first.queue.add({ key: 'a' })
    first.target.script('r1', never)
    await first.start()
    const letter = first.events.letters[0] as StoredDeadLetter
    await first.stop()
    const { queue, deadLetters } = first
    queue.kill()
    for (let index = 0; index < waiting; index++) queue.add({ key: 'a' })
    const bounded = { ...policy, held: { maxRecords: 50, maxBytes: 1e9 } }
    return { letter, queue, deadLetters, h: harness({ queue, deadLetters, policy: bounded }) }
  }

  test('a copy from before a restart is found behind more than may be held', async () => {
    const { h, letter, queue, deadLetters } = await redrivenBeforeRestart(200)
    queue.add({ key: 'b' })
    const copy = queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    queue.add({ key: 'c' })
    expect(await h.run()).toMatchObject({ applied: 203, pending: 0, blocked: 0 })
    expect(queue.left).toEqual([])
    expect(deadLetters.letters.size).toBe(0)
    const ofKey = h.target.calls.flatMap(({ records }) => records.filter(({ key }) => key === 'a'))
    expect(ofKey.slice(0, 2).map(({ id }) => id)).toEqual([copy.id, 'r2'])
    expect(ofKey.map(({ version }) => version)).toEqual(
      ofKey.map(({ version }) => version).toSorted((a, b) => Number(a - b)),
    )
  })

  test('a copy that is not there is looked for once', async () => {
    const { h, letter, queue } = await redrivenBeforeRestart(200)
    await h.start()
    await h.clock.advance(60_000)
    expect(queue.looksAhead).toBe(1)
    expect(await h.delivery.status()).toMatchObject({ held: 50, full: true })
    expect(await h.drain()).toMatchObject({ blocked: 50, pending: 150 })
    expect(await h.delivery.copyOf(letter)).toBe('here')
    expect(queue.looksAhead).toBe(1)
  })

  test('whether a copy from before a restart is on its way is found out when it is asked', async () => {
    for (const isThere of [true, false]) {
      const { h, letter, queue } = await redrivenBeforeRestart(300)
      if (isThere) queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
      // It does not get as far as to look by itself.
      h.target.always = () => new Promise(() => {})
      const starting = h.delivery.start()
      await starting
      expect(await h.delivery.copyOf(letter)).toBe(isThere ? 'underWay' : 'here')
      expect(queue.mostLeased).toBeLessThanOrEqual(51)
    }
  })

  test('whether a copy was stored that may have been is found out when it is asked', async () => {
    for (const isThere of [true, false]) {
      const h = harness({ policy: { ...policy, held: { maxRecords: 5, maxBytes: 1e9 } } })
      for (let index = 0; index < 20; index++) h.queue.add({ key: 'a' })
      h.target.script('r1', never)
      await h.start()
      const letter = h.events.letters[0] as StoredDeadLetter
      if (isThere) h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
      h.delivery.expectRedriven(letter, false)
      expect(await h.delivery.copyOf(letter)).toBe(isThere ? 'underWay' : 'here')
    }
  })

  test('the key waits from the start where its letter is already there', async () => {
    const first = await blocked()
    const h = harness({ policy, deadLetters: first.deadLetters })
    h.queue.add({ id: 'waits', key: 'a' })
    h.queue.add({ id: 'goes', key: 'b' })
    expect(await h.run()).toMatchObject({ applied: 1, blocked: 1 })
    expect(h.target.seen).toEqual(['goes'])
  })

  test('a letter of another target blocks nothing', async () => {
    const first = await blocked()
    const h = harness({
      policy,
      deadLetters: first.deadLetters,
      options: { targetName: 'cassandra' },
    })
    h.queue.add({ key: 'a' })
    expect(await h.run()).toMatchObject({ applied: 1, blocked: 0 })
  })

  test('a letter left behind by a crash is removed once the copy has been applied', async () => {
    const first = await blocked()
    const h = harness({ policy, deadLetters: first.deadLetters })
    h.queue.add({ ...first.letter.record, target: 'search', attemptEpoch: 1 })
    h.queue.add({ key: 'a' })
    expect(await h.run()).toMatchObject({ applied: 2, blocked: 0 })
    expect(h.deadLetters.letters.size).toBe(0)
  })

  test('the slow ack of a redriven record holds up no other ack', async () => {
    const queue = new FakeQueue()
    const consumer = queue.consumer()
    const ack = consumer.ack.bind(consumer)
    const order: string[] = []
    consumer.ack = async (deliveries) => {
      await ack(deliveries)
      order.push(...deliveries.map(({ record }) => record.id))
      if (deliveries.some(({ record }) => record.attemptEpoch > 0)) await new Promise(() => {})
    }
    queue.add({ id: 'redriven', key: 'a', target: 'search', attemptEpoch: 1 })
    for (const id of ['first', 'second', 'third']) queue.add({ id, key: 'b' })
    const h = harness({ queue, consumer })
    h.target.whole = (records) => {
      order.push(...records.map(({ id }) => `apply ${id}`))
      return undefined
    }
    await h.start()
    expect(queue.left).toEqual([])
    for (const [earlier, later] of [
      ['first', 'second'],
      ['second', 'third'],
    ] as const) {
      expect(order.indexOf(earlier)).toBeLessThan(order.indexOf(`apply ${later}`))
    }
  })

  test('a record that comes once more, its ack lost in a power cut, is dead already', async () => {
    for (const onDeadLetter of ['continue', 'block'] as const) {
      const first = harness({ policy: { onDeadLetter } })
      first.queue.add({ key: 'a' })
      first.target.script('r1', never)
      await first.run()
      const queue = new FakeQueue()
      queue.add({ key: 'a' })
      queue.add({ key: 'b' })
      const h = harness({ queue, policy: { onDeadLetter }, deadLetters: first.deadLetters })
      expect(await h.run()).toMatchObject({ applied: 1, pending: 0 })
      expect(h.target.seen).toEqual(['r2'])
      expect(queue.left).toEqual([])
      expect(h.deadLetters.letters.size).toBe(1)
    }
  })

  test('records applied in one batch with the dead letter wait as well', async () => {
    const queue = new FakeQueue()
    const h = harness({ queue, policy, options: { target: inOrderTarget(() => h.target) } })
    for (const key of ['a', 'a']) queue.add({ key })
    h.target.script('r1', never)
    await h.start()
    await h.clock.settle()
    expect(queue.left).toEqual(['r2'])
    expect(await h.delivery.status()).toMatchObject({ blockedKeys: 1, held: 1 })
  })
})

function inOrderTarget(scripted: () => ReturnType<typeof harness>['target']) {
  return {
    idempotency: 'none',
    appliesInOrder: true,
    apply: (...args: Parameters<ReturnType<typeof harness>['target']['apply']>) =>
      scripted().apply(...args),
  } as const
}
