import { randomBytes } from 'node:crypto'
import { makeDeadLetter, makeStoredRecord, type VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type QueueDeadLettersOptions, queueDeadLetters } from '../../src/index.ts'
import type { SqsModel } from '../../src/testing/index.ts'
import { fourteenDaysMs, letterQueueOnModel } from '../support/letter-queue.ts'

let clock: VirtualClock
let model: SqsModel
let queueUrl: string
beforeEach(() => {
  ;({ clock, model, queueUrl } = letterQueueOnModel())
})

const open = (options: Partial<QueueDeadLettersOptions> = {}) =>
  queueDeadLetters({ client: model, queueUrl, clock, ...options })
const many = (count: number) => Array.from({ length: count }, () => makeDeadLetter())

describe('letters that a look holds', () => {
  test('are removed though they are given back while the removal looks', async () => {
    const letters = open()
    const [listed, ...others] = many(3)
    if (listed === undefined) throw new Error('no letter')
    await clock.runUntil(letters.put([listed, ...others]))
    await clock.runUntil(letters.list({}))
    await clock.advance(4_000)
    await clock.runUntil(letters.put(many(1)))
    expect(await clock.runUntil(letters.remove([listed.id, 'none']))).toBe(1)
    expect(model.size(queueUrl)).toBe(3)
  })

  test.each([57_500, 58_000, 58_500, 59_000, 59_500, 60_000])(
    'are removed where the first pass is due, %d ms after opening',
    async (ms) => {
      const letters = open()
      const [first, second] = many(2)
      if (first === undefined || second === undefined) throw new Error('no letter')
      await clock.runUntil(letters.put([first, second]))
      await clock.advance(ms)
      expect(await clock.runUntil(letters.remove([first.id]))).toBe(1)
      expect(model.size(queueUrl)).toBe(1)
    },
  )

  test('make room for others as they are removed, however large they were', async () => {
    queueUrl = model.createQueue('large', {
      retentionMs: fourteenDaysMs,
      maximumMessageSize: 2 ** 20,
    })
    const letters = open()
    const large = () => makeDeadLetter({ record: makeStoredRecord({ payload }) })
    const payload = randomBytes(700_000)
    await clock.runUntil(letters.put(Array.from({ length: 60 }, large)))
    const sizes: number[] = []
    for (let looks = 0; looks < 2; looks++) {
      const page = await clock.runUntil(letters.list({ limit: 1_000 }))
      sizes.push(page.letters.length)
      await clock.runUntil(letters.remove(page.letters.map(({ id }) => id)))
    }
    expect(sizes[0]).toBeLessThan(60)
    expect(sizes).toEqual([sizes[0], 60 - (sizes[0] ?? 0)])
    expect(model.size(queueUrl)).toBe(0)
  })

  test('are not looked for again because others were put', async () => {
    let receives = 0
    const receive = model.receiveMessage.bind(model)
    model.receiveMessage = (...input) => {
      receives++
      return receive(...input)
    }
    const letters = open()
    const put = many(5)
    await clock.runUntil(letters.put(put))
    await clock.runUntil(letters.list({}))
    receives = 0
    for (const { id } of put) {
      await clock.runUntil(letters.put(many(1)))
      expect(await clock.runUntil(letters.get(id))).toBeDefined()
      expect(await clock.runUntil(letters.remove([id]))).toBe(1)
    }
    expect(receives).toBe(0)
  })

  test('are looked for again where they themselves were put again', async () => {
    const letters = open()
    const [letter] = many(1)
    if (letter === undefined) throw new Error('no letter')
    await clock.runUntil(letters.put([letter]))
    await clock.runUntil(letters.list({}))
    await clock.runUntil(letters.put([{ ...letter, message: 'later' }]))
    expect(await clock.runUntil(letters.get(letter.id))).toMatchObject({ message: 'later' })
    expect(await clock.runUntil(letters.remove([letter.id]))).toBe(1)
    expect(model.size(queueUrl)).toBe(0)
  })

  test('are looked for anew after a look that failed', async () => {
    const letters = open({ requestTimeoutMs: 1_000 })
    const put = many(15)
    await clock.runUntil(letters.put(put))
    const receive = model.receiveMessage.bind(model)
    let calls = 0
    model.receiveMessage = async (...input) => {
      calls++
      if (calls === 2) throw Object.assign(new Error('down'), { name: 'InternalError' })
      return receive(...input)
    }
    await expect(clock.runUntil(letters.list({}))).rejects.toThrow()
    const { letters: found } = await clock.runUntil(letters.list({ after: '00000000000000000-' }))
    expect(found).toHaveLength(15)
  })

  test('are not looked for by a call that waited while they were closed', async () => {
    const letters = open()
    await clock.runUntil(letters.put(many(1)))
    const first = letters.list({})
    const waiting = letters.get('none')
    const closed = letters.close()
    waiting.catch(() => {})
    first.catch(() => {})
    await clock.runUntil(closed)
    await expect(clock.runUntil(waiting)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})
