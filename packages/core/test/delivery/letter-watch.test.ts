import { describe, expect, test } from 'vitest'
import { type DeadLetterSummary, deadLetterId, type StoredDeadLetter } from '../../src/dlq/dlq.ts'
import { WalError } from '../../src/errors.ts'
import { type Outcome, permanent, transient } from '../../src/target/target.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { FakeDeadLetters, type HarnessOptions, harness } from './support/harness.ts'
import { hiccup } from './support/scripted-target.ts'

const policy = { onDeadLetter: 'block' } as const

/** A delivery of one of several processes, whose letters the test puts and discards as another one would. */
function shared(given: HarnessOptions = {}) {
  return harness({ policy, ...given, options: { sharesLetters: true, ...given.options } })
}

/** A record of key 'a' is a dead letter here, and another waits for it. */
async function blocked(given: HarnessOptions = {}) {
  const h = shared(given)
  h.target.script('r1', permanent('NO', 'never'))
  for (const key of ['a', 'a']) h.queue.add({ key })
  await h.start()
  expect(h.queue.left).toEqual(['r2'])
  return { h, letter: h.events.letters[0] as StoredDeadLetter }
}

/** The letter of a record that another process had. */
function letterOfOther(id: string, attemptEpoch = 0, key = 'a'): StoredDeadLetter {
  const record = { ...shared().queue.add({ key }), id, attemptEpoch }
  const failed = { at: 0, code: 'NO', message: 'never', attemptsSpent: 1, attempts: [] }
  return { ...failed, id: deadLetterId(record, 'search'), record, target: 'search' }
}

describe('where processes share the letters that hold keys', () => {
  test('a letter that another one discards lets its key go on', async () => {
    const { h, letter } = await blocked()
    await h.clock.advance(60_000)
    expect(h.queue.left).toEqual(['r2'])
    h.deadLetters.letters.delete(letter.id)
    await h.clock.advance(14_000)
    expect(h.queue.left).toEqual(['r2'])
    await h.clock.advance(20_000)
    expect(h.queue.left).toEqual([])
    expect(await h.delivery.status()).toMatchObject({ blockedKeys: 0 })
  })

  test('a letter that another one puts holds its key, until that discards it', async () => {
    const h = shared()
    await h.start()
    const letter = letterOfOther('elsewhere')
    h.deadLetters.letters.set(letter.id, letter)
    await h.clock.advance(16_000)
    h.queue.add({ id: 'waits', key: 'a' })
    h.queue.add({ id: 'goes', key: 'b' })
    await h.clock.advance(60_000)
    expect(h.target.seen).toEqual(['goes'])
    h.deadLetters.letters.delete(letter.id)
    await h.clock.advance(31_000)
    expect(h.target.seen).toEqual(['goes', 'waits'])
  })

  test('the copy of a letter of another one goes before what waits for it', async () => {
    const h = shared()
    await h.start()
    const letter = letterOfOther('elsewhere')
    h.deadLetters.letters.set(letter.id, letter)
    await h.clock.advance(16_000)
    h.queue.add({ id: 'waits', key: 'a' })
    await h.clock.advance(1_000)
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    await h.clock.advance(1_000)
    expect(h.target.seen).toEqual(['elsewhere', 'waits'])
    expect(h.deadLetters.letters.size).toBe(0)
  })

  test('a copy that another one has redriven is found where as much waits for it as may be held', async () => {
    const queue = new FakeQueue()
    const { h } = await blocked({
      queue,
      consumer: queue.consumer({ reload: false }),
      policy: { ...policy, held: { maxRecords: 5, maxBytes: 1e9 } },
    })
    for (let n = 0; n < 12; n++) h.queue.add({ key: 'a' })
    await h.clock.advance(1_000)
    expect(await h.delivery.status()).toMatchObject({ blockedKeys: 1, full: true })
    const [letter] = h.deadLetters.letters.values()
    // This process is told nothing.
    h.queue.add({ ...letter?.record, target: 'search', attemptEpoch: 1 })
    await h.clock.advance(60_000)
    expect(h.queue.left).toEqual([])
  })

  test('a copy that was here and lost its lease is looked for where as much waits for it as may be held', async () => {
    const queue = new FakeQueue()
    queue.canLoseLeases = true
    const { h, letter } = await blocked({
      queue,
      consumer: queue.consumer({ reload: false }),
      policy: { ...policy, held: { maxRecords: 5, maxBytes: 1e9 } },
    })
    for (let n = 0; n < 12; n++) h.queue.add({ key: 'a' })
    await h.clock.advance(1_000)
    h.target.script('r1', transient('LATER', 'not now', { retryAfterMs: 30_000 }))
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    h.delivery.expectRedriven(letter)
    await h.clock.advance(2_000)
    expect(h.target.seen).toEqual(['r1', 'r1'])
    // Another process has it all for a moment, and it comes back.
    for (const { lease } of queue.slots.toReversed()) lease?.abort()
    for (const slot of queue.slots) slot.leased = false
    await h.clock.advance(60_000)
    expect(h.queue.left).toEqual([])
  })

  test('a copy that came before its letter was heard of goes before what waits for it', async () => {
    const h = shared()
    const soon = transient('LATER', 'not now', { retryAfterMs: 20_000 })
    const answer = Promise.withResolvers<Outcome>()
    // Of 'a' it waits for its next attempt, of 'b' behind another one that does, of 'c' it is at the target.
    h.target.script('of a', soon).script('before b', soon)
    h.target.script('of c', () => answer.promise)
    await h.start()
    for (const key of ['a', 'b', 'c']) {
      const letter = letterOfOther(`of ${key}`, 0, key)
      h.deadLetters.letters.set(letter.id, letter)
      h.queue.add({ id: `before ${key}`, key })
      h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
      await h.clock.advance(10)
    }
    await h.clock.advance(16_000)
    answer.resolve(hiccup)
    await h.clock.advance(60_000)
    expect(h.target.seen.filter((id) => id.endsWith('b'))).toEqual(['before b', 'of b', 'before b'])
    expect(h.queue.left).toEqual([])
    expect(h.deadLetters.letters.size).toBe(0)
  })

  test('a letter whose copy was here, and has gone on elsewhere, lets its key go on', async () => {
    const queue = new FakeQueue()
    queue.canLoseLeases = true
    const { h, letter } = await blocked({ queue })
    h.target.script('r1', transient('LATER', 'not now', { retryAfterMs: 600_000 }))
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    await h.clock.advance(1_000)
    expect(h.target.seen).toEqual(['r1', 'r1'])
    // Another process takes it, and is done with it and its letter.
    const copy = h.queue.slots[2]
    if (copy === undefined) throw new Error('no copy')
    copy.lease?.abort()
    copy.acked = true
    h.deadLetters.letters.delete(letter.id)
    await h.clock.advance(31_000)
    expect(h.queue.left).toEqual([])
  })

  test('a copy that has failed elsewhere goes on holding the key', async () => {
    const { h, letter } = await blocked()
    h.deadLetters.letters.delete(letter.id)
    const next = letterOfOther(letter.record.id, 1)
    h.deadLetters.letters.set(next.id, next)
    await h.clock.advance(120_000)
    expect(h.queue.left).toEqual(['r2'])
    h.deadLetters.letters.delete(next.id)
    await h.clock.advance(31_000)
    expect(h.queue.left).toEqual([])
  })

  test('a letter that one look misses, and the next has, holds its key', async () => {
    const { h, letter } = await blocked()
    for (let look = 0; look < 4; look++) {
      if (look % 2 === 0) h.deadLetters.letters.delete(letter.id)
      else h.deadLetters.letters.set(letter.id, letter)
      await h.clock.advance(15_000)
    }
    expect(h.queue.left).toEqual(['r2'])
  })

  test('a letter that is discarded here while it is read holds nothing', async () => {
    const { h, letter } = await blocked()
    const read = Promise.withResolvers<void>()
    const summaries = h.deadLetters.summaries.bind(h.deadLetters)
    h.deadLetters.summaries = async function* () {
      const found: DeadLetterSummary[] = []
      for await (const summary of summaries()) found.push(summary)
      await read.promise
      yield* found
    }
    await h.clock.advance(16_000)
    h.deadLetters.letters.delete(letter.id)
    h.delivery.letterDiscarded(letter)
    read.resolve()
    await h.clock.advance(1_000)
    expect(h.queue.left).toEqual([])
    expect(await h.delivery.status()).toMatchObject({ blockedKeys: 0 })
  })

  test('a key waits on while they cannot be read, which is told once', async () => {
    const deadLetters = new FakeDeadLetters()
    const { h, letter } = await blocked({ deadLetters })
    const summaries = deadLetters.summaries.bind(deadLetters)
    deadLetters.summaries = () => {
      throw new Error('down')
    }
    deadLetters.letters.delete(letter.id)
    await h.clock.advance(120_000)
    expect(h.queue.left).toEqual(['r2'])
    expect(h.events.errors).toMatchObject([{ message: expect.stringContaining('down') }])
    deadLetters.summaries = summaries
    await h.clock.advance(31_000)
    expect(h.queue.left).toEqual([])
  })

  test('a letter of another target holds nothing, and a stop ends the looks', async () => {
    const h = shared()
    await h.start()
    const letter = { ...letterOfOther('elsewhere'), id: 'elsewhere.0:other', target: 'other' }
    h.deadLetters.letters.set(letter.id, letter)
    await h.clock.advance(16_000)
    h.queue.add({ key: 'a' })
    await h.clock.advance(1_000)
    expect(h.target.seen).toEqual(['r1'])
    await h.stop()
    expect(await looksInAMinute(h)).toBe(0)
  })

  test('a close in the middle of a look is no error', async () => {
    const h = shared()
    await h.start()
    h.deadLetters.summaries = () => {
      throw new WalError('ERR_CLOSED', 'The dead letters are closed.')
    }
    await h.clock.advance(16_000)
    expect(h.events.errors).toEqual([])
  })
})

test('one process alone does not look at its letters again', async () => {
  const h = harness({ policy })
  await h.start()
  expect(await looksInAMinute(h)).toBe(0)
})

/** How often the letters are looked at in the next minute. */
async function looksInAMinute(h: ReturnType<typeof harness>): Promise<number> {
  let looks = 0
  h.deadLetters.summaries = async function* () {
    looks++
    yield* []
  }
  await h.clock.advance(60_000)
  return looks
}
