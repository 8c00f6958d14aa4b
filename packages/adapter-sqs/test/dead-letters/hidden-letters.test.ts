import { makeDeadLetter, type VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type QueueDeadLettersOptions, queueDeadLetters } from '../../src/index.ts'
import type { SqsModel } from '../../src/testing/index.ts'
import { letterQueueOnModel } from '../support/letter-queue.ts'

let clock: VirtualClock
let model: SqsModel
let queueUrl: string
beforeEach(() => {
  ;({ clock, model, queueUrl } = letterQueueOnModel())
})

const open = (options: Partial<QueueDeadLettersOptions> = {}) =>
  queueDeadLetters({ client: model, queueUrl, clock, ...options })
/** A process that has taken whatever is there, and does nothing with it. */
const take = (seconds: number) =>
  model.receiveMessage({
    ...{ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 },
    ...{ VisibilityTimeout: seconds, MessageSystemAttributeNames: [] },
  })
const unseen = { code: 'ERR_DEAD_LETTERS_UNSEEN', retryable: true }
/** How long something takes, in ms, however it ends. */
async function timeOf(work: Promise<unknown>): Promise<number> {
  const from = clock.monotonic()
  await clock.runUntil(work.catch(() => {}))
  return clock.monotonic() - from
}

describe('a letter that another process has hidden', () => {
  test('is waited for until that process lets it go', async () => {
    const [one, other] = [open(), open()]
    const letter = makeDeadLetter()
    await clock.runUntil(one.put([letter]))
    await clock.runUntil(one.list({}))
    expect(await clock.runUntil(other.get(letter.id))).toEqual(letter)
    await clock.runUntil(other.close())
    await clock.runUntil(one.list({}))
    const third = open()
    expect(await clock.runUntil(third.remove([letter.id]))).toBe(1)
    expect(model.size(queueUrl)).toBe(0)
  })

  test('is said to be unseen, and not to be missing, where that takes too long', async () => {
    const letters = open()
    const letter = makeDeadLetter()
    await clock.runUntil(letters.put([letter]))
    await take(300)
    await expect(clock.runUntil(letters.get(letter.id))).rejects.toMatchObject(unseen)
    await expect(clock.runUntil(letters.remove([letter.id]))).rejects.toMatchObject(unseen)
    await clock.advance(300_000)
    expect(await clock.runUntil(letters.get(letter.id))).toEqual(letter)
  })

  test('does not keep a removal from the letters that are there', async () => {
    const letters = open()
    const [hidden, here] = [makeDeadLetter(), makeDeadLetter()]
    await clock.runUntil(letters.put([hidden]))
    await take(300)
    await clock.runUntil(letters.put([here]))
    const removed = clock.runUntil(letters.remove([hidden.id, here.id]))
    await expect(removed).rejects.toMatchObject(unseen)
    expect(model.size(queueUrl)).toBe(1)
  })

  test('is waited for once in a row of calls', async () => {
    const letters = open()
    await clock.runUntil(letters.put([makeDeadLetter()]))
    await take(3_000)
    expect(await timeOf(letters.get('one'))).toBeGreaterThan(15_000)
    expect(await timeOf(letters.get('two'))).toBeLessThan(3_000)
    expect(await timeOf(letters.remove(['three']))).toBeLessThan(3_000)
    await clock.advance(6_000)
    expect(await timeOf(letters.get('one'))).toBeGreaterThan(15_000)
  })

  test('is waited for no longer once the letters are closed', async () => {
    const letters = open()
    await clock.runUntil(letters.put([makeDeadLetter()]))
    await take(3_000)
    const getting = letters.get('one')
    getting.catch(() => {})
    await clock.advance(5_000)
    expect(await timeOf(letters.close())).toBeLessThan(3_000)
    await expect(getting).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})

describe('a void letter', () => {
  test('is looked for by nobody, and goes once a look comes across it', async () => {
    const [one, other] = [open(), open()]
    const [letter, stays] = [makeDeadLetter(), makeDeadLetter()]
    await clock.runUntil(one.put([letter, stays]))
    expect(await timeOf(other.removeIfSeen?.([letter.id]) as Promise<void>)).toBe(0)
    expect(model.size(queueUrl)).toBe(2)
    expect((await clock.runUntil(other.list({}))).letters).toEqual([stays])
    expect(model.size(queueUrl)).toBe(1)
  })

  test('stays where another process has put it again since', async () => {
    const [one, other] = [open(), open()]
    const letter = makeDeadLetter()
    await clock.runUntil(one.removeIfSeen?.([letter.id]) as Promise<void>)
    await clock.advance(1_000)
    await clock.runUntil(other.put([letter]))
    expect((await clock.runUntil(one.list({}))).letters).toEqual([letter])
  })
})

test('a call waits for one pass over old letters, and not for all that there is to renew', async () => {
  const letters = open()
  await clock.runUntil(letters.put(Array.from({ length: 400 }, () => makeDeadLetter())))
  await clock.runUntil(letters.close())
  await clock.advance(8 * 24 * 3_600_000)
  const receive = model.receiveMessage.bind(model)
  model.receiveMessage = async (...input) => {
    await new Promise<void>((resolve) => clock.setTimer(10_000, resolve))
    return receive(...input)
  }
  let renewed = 0
  const slow = open({ requestTimeoutMs: 60_000, onRenewed: () => renewed++ })
  await clock.runUntil(slow.put([makeDeadLetter()]))
  await clock.advance(61_000)
  // A pass is cut at two minutes, and a look at twenty seconds.
  expect(await timeOf(slow.get('none'))).toBeLessThan(170_000)
  expect(renewed).toBeLessThan(200)
  await clock.advance(900_000)
  expect(renewed).toBe(400)
  await clock.runUntil(slow.close())
})
