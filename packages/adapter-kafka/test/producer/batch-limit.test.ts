import { VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { BatchLimit } from '../../src/producer/batch-limit.ts'

/** A limit of 900 bytes, of which 800 were refused, over a topic that says that it takes `told`. */
function refusedOnce(told: number) {
  const clock = new VirtualClock()
  const topic = { told, looks: 0, isDown: false, answersAfterMs: 0 }
  const limit = new BatchLimit({
    clock,
    batchBytes: 900,
    async largestBatch() {
      topic.looks++
      const { isDown, told: answer, answersAfterMs } = topic
      await new Promise<void>((resolve) => void clock.setTimer(answersAfterMs, resolve))
      if (isDown) throw new Error('not now')
      return answer
    },
  })
  limit.refused(800)
  /** A batch is stored each second. */
  const store = async (forMs: number): Promise<number> => {
    for (let ms = 0; ms < forMs; ms += 1_000) {
      await clock.advance(1_000)
      limit.stored()
    }
    await clock.settle()
    await clock.advance(0)
    return limit.bytes
  }
  return { clock, topic, limit, store }
}

test('a limit that nothing was refused of asks nothing of its topic', async () => {
  const clock = new VirtualClock()
  const largestBatch = (): Promise<number> => Promise.reject(new Error('It was asked.'))
  const limit = new BatchLimit({ clock, batchBytes: 900, largestBatch })
  await clock.advance(60_000)
  limit.stored()
  expect(limit.bytes).toBe(900)
})

test('a limit is halved with each refusal, and is looked at each ten seconds until its topic takes all', async () => {
  const { topic, limit, store } = refusedOnce(300)
  expect(limit.bytes).toBe(400)
  expect(await store(9_000)).toBe(400)
  expect(topic.looks).toBe(0)
  // It never becomes smaller by a look.
  expect(await store(21_000)).toBe(400)
  expect(topic.looks).toBe(3)
  topic.told = 700
  expect(await store(10_000)).toBe(700)
  topic.told = 5_000
  expect(await store(10_000)).toBe(900)
  const { looks } = topic
  expect(await store(60_000)).toBe(900)
  expect(topic.looks).toBe(looks)
})

test('a limit stays as it is while its topic does not answer, and is looked at again', async () => {
  const { topic, store } = refusedOnce(900)
  topic.isDown = true
  expect(await store(15_000)).toBe(400)
  topic.isDown = false
  expect(await store(10_000)).toBe(900)
})

test('what was refused while the topic was looked at counts for more than what it said', async () => {
  const { clock, topic, limit, store } = refusedOnce(900)
  topic.answersAfterMs = 5_000
  await store(10_000)
  limit.refused(400)
  await clock.advance(5_000)
  expect(limit.bytes).toBe(200)
})

test('a topic that refuses what its settings allow is looked at less and less often', async () => {
  const { topic, limit, store } = refusedOnce(900)
  const secondsUntilItGrows = async (): Promise<number> => {
    for (let seconds = 1; ; seconds++) if ((await store(1_000)) === 900) return seconds
  }
  const waits: number[] = []
  for (let round = 0; round < 8; round++) {
    waits.push(await secondsUntilItGrows())
    limit.refused(900)
  }
  expect(waits).toEqual([10, 20, 40, 80, 160, 320, 600, 600])
  expect(topic.looks).toBe(8)
})

test('a topic whose settings change again and again is looked at each ten seconds all the same', async () => {
  const { topic, limit, store } = refusedOnce(300)
  for (let round = 0; round < 4; round++) {
    topic.told = 900
    expect(await store(10_000)).toBe(900)
    topic.told = 300
    limit.refused(900)
    // The first look after that may be later, for what it said last was not true.
    expect(await store(30_000)).toBe(450)
  }
})
