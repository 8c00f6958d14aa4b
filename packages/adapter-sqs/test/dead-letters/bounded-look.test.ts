import {
  makeDeadLetter,
  makeStoredRecord,
  scaledClock,
  type VirtualClock,
} from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type QueueDeadLettersOptions, queueDeadLetters } from '../../src/index.ts'
import { encodeEnvelope } from '../../src/sqs-envelope.ts'
import { SqsModel } from '../../src/testing/index.ts'
import { fourteenDaysMs, letterQueueOnModel } from '../support/letter-queue.ts'
import { storeIn } from '../support/store-in.ts'

let clock: VirtualClock
let model: SqsModel
let queueUrl: string
beforeEach(() => {
  ;({ clock, model, queueUrl } = letterQueueOnModel())
})

const open = (options: Partial<QueueDeadLettersOptions> = {}) =>
  queueDeadLetters({ client: model, queueUrl, clock, ...options })
const visible = async (): Promise<number> => {
  const { Attributes } = await model.getQueueAttributes({
    QueueUrl: queueUrl,
    AttributeNames: ['All'],
  })
  return Number(Attributes?.['ApproximateNumberOfMessages'])
}
const many = (count: number) => Array.from({ length: count }, () => makeDeadLetter())

describe('a look at a queue of dead letters', () => {
  test('says that it was cut where its bounds ended it, and goes on once letters are gone', async () => {
    const letters = open({ maxLetters: 20 })
    const put = many(45)
    await clock.runUntil(letters.put(put))
    const seen: string[] = []
    const cuts: (boolean | undefined)[] = []
    for (let looks = 0; looks < 3; looks++) {
      const page = await clock.runUntil(letters.list({}))
      cuts.push(page.cut)
      const ids = page.letters.map(({ id }) => id)
      seen.push(...ids)
      expect(await clock.runUntil(letters.remove(ids))).toBe(ids.length)
    }
    expect(cuts).toEqual([true, true, undefined])
    expect(seen.toSorted()).toEqual(put.map(({ id }) => id).toSorted())
    expect(model.size(queueUrl)).toBe(0)
  })

  test('that was cut refuses to say that a letter is not there', async () => {
    const letters = open({ maxLetters: 10 })
    await clock.runUntil(letters.put(many(30)))
    const refusal = { code: 'ERR_NOT_SUPPORTED', message: expect.stringContaining('maxLetters') }
    await expect(clock.runUntil(letters.get('no such letter'))).rejects.toMatchObject(refusal)
    await expect(clock.runUntil(letters.remove(['no such letter']))).rejects.toMatchObject(refusal)
  })

  test('shows its letters to others again soon after the last call, and at the close', async () => {
    const letters = open()
    await clock.runUntil(letters.put(many(12)))
    await clock.runUntil(letters.list({}))
    expect(await visible()).toBe(0)
    await clock.advance(6_000)
    expect(await visible()).toBe(12)
    await clock.runUntil(letters.list({}))
    await clock.runUntil(letters.close())
    expect(await visible()).toBe(12)
  })

  test('tells where another process has letters hidden', async () => {
    const [one, other] = [open(), open()]
    await clock.runUntil(one.put(many(3)))
    expect((await clock.runUntil(one.list({}))).letters).toHaveLength(3)
    expect(await clock.runUntil(other.list({}))).toEqual({
      letters: [],
      next: undefined,
      cut: true,
    })
  })

  test('keeps its letters for as long as it is used', async () => {
    const letters = open()
    const put = many(40)
    await clock.runUntil(letters.put(put))
    await clock.runUntil(letters.list({}))
    for (const { id } of put) {
      await clock.advance(4_500)
      expect(await clock.runUntil(letters.remove([id]))).toBe(1)
    }
    expect(model.size(queueUrl)).toBe(0)
  })

  test('does not count, and says what to do', async () => {
    await expect(open().count()).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
      message: expect.stringContaining('deadLetterStore'),
    })
  })
})

describe('a letter that is too large for a message', () => {
  const large = (payload: Uint8Array) => makeDeadLetter({ record: makeStoredRecord({ payload }) })
  const noise = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
  const quick = scaledClock(20)
  // No time-out is to be over because the machine stood still for a moment.
  const patient = { requestTimeoutMs: 600_000, maxLookMs: 60_000 }
  const open = (options: Partial<QueueDeadLettersOptions> = {}) =>
    queueDeadLetters({ client: model, queueUrl, clock: quick, ...patient, ...options })
  beforeEach(() => {
    // Compressing takes a thread's time, which a clock moved by hand would not wait for.
    model = new SqsModel({ clock: quick })
    const options = { retentionMs: fourteenDaysMs, maximumMessageSize: 60_000 }
    queueUrl = model.createQueue('small', options)
  })

  test('is compressed', async () => {
    const letters = open()
    const letter = large(new Uint8Array(1_000_000))
    await letters.put([letter])
    expect(await letters.get(letter.id)).toEqual(letter)
  })

  test('goes to the store, and leaves it with the letter', async () => {
    const bodies = new Map<string, Uint8Array>()
    const store = storeIn(bodies)
    const letters = open({ store, prefix: 'letters/' })
    const letter = large(noise(65_000))
    await letters.put([letter])
    expect(bodies.size).toBe(1)
    expect(await letters.get(letter.id)).toEqual(letter)
    await letters.remove([letter.id])
    expect(bodies.size).toBe(0)
  })

  test('keeps its last attempt alone where nothing else helps', async () => {
    const letters = open()
    const whole = large(noise(25_000))
    const [attempt] = whole.attempts
    const text = () => Buffer.from(noise(6_000)).toString('base64')
    const attempts = Array.from({ length: 9 }, () => ({ ...whole.attempts[0], message: text() }))
    const letter = { ...whole, attempts: [...attempts, attempt] as typeof whole.attempts }
    await letters.put([letter])
    expect(await letters.get(letter.id)).toEqual(whole)
  })

  test('is refused with the others of its put where its record does not fit, and none is sent', async () => {
    const refused = open().put([makeDeadLetter(), large(noise(65_000))])
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_PAYLOAD_TOO_LARGE',
      message: expect.stringContaining('`store`'),
    })
    expect(model.size(queueUrl)).toBe(0)
  })
})

describe('what is no letter in a queue of dead letters', () => {
  test('can be looked at and discarded, and no look loses it', async () => {
    await model.sendMessageBatch({
      QueueUrl: queueUrl,
      Entries: [{ Id: '0', MessageBody: 'hello' }],
    })
    const letters = open()
    const [stray] = (await clock.runUntil(letters.list({}))).letters
    expect(stray).toMatchObject({ damaged: true, code: 'ERR_UNDECODABLE' })
    expect(Buffer.from(stray?.record.payload ?? []).toString()).toBe('hello')
    expect(await clock.runUntil(letters.remove([stray?.id ?? '']))).toBe(1)
    expect(model.size(queueUrl)).toBe(0)
  })

  test('is a letter of its own each, where it is a record of an unknown target', async () => {
    const MessageBody = encodeEnvelope(makeStoredRecord({ target: undefined }), undefined)
    const Entries = ['0', '1'].map((Id) => ({ Id, MessageBody }))
    await model.sendMessageBatch({ QueueUrl: queueUrl, Entries })
    const letters = open()
    const found = (await clock.runUntil(letters.list({}))).letters
    expect(found.map(({ code, target }) => [code, target])).toEqual([
      ['ERR_INTERRUPTED', ''],
      ['ERR_INTERRUPTED', ''],
    ])
    expect(await clock.runUntil(letters.remove([found[0]?.id ?? '']))).toBe(1)
    expect(model.size(queueUrl)).toBe(1)
  })
})

describe('a queue for dead letters', () => {
  test.each([
    ['a retention under 14 days', { retentionMs: fourteenDaysMs / 2 }, /MessageRetentionPeriod/],
  ])('is refused for %s', async (_, options, message) => {
    queueUrl = model.createQueue('refused', options)
    await expect(clock.runUntil(open().put(many(1)))).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringMatching(message),
    })
  })

  test('is refused with a redrive policy of its own', async () => {
    const attributesOf = model.getQueueAttributes.bind(model)
    model.getQueueAttributes = async (input) => {
      const { Attributes } = await attributesOf(input)
      return { Attributes: { ...Attributes, RedrivePolicy: '{"maxReceiveCount":1000}' } }
    }
    await expect(clock.runUntil(open().list({}))).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('redrive policy'),
    })
  })
})
