import { expect, test } from 'vitest'
import { FetchWait } from '../../src/kafkajs/fetch-wait.ts'

/** As a timer and a request take it. */
const waited = (wait: FetchWait): number => +wait.ms

test('a client of kafkajs to which nothing has happened of late waits for as long as it is told', () => {
  expect(waited(new FetchWait(250))).toBe(250)
})

test('a client of kafkajs to which something has just happened looks again soon, and ever more seldom', () => {
  let nowMs = 1_000
  const wait = new FetchWait(60, () => nowMs)
  const after = (ms: number): number => {
    nowMs += ms
    return waited(wait)
  }
  wait.stir()
  expect([after(0), after(5), after(5.3), after(20), after(100)]).toEqual([5, 5, 10, 30, 60])
  wait.stir()
  expect(after(0)).toBe(5)
})

test('a request of kafkajs is answered in time however short its wait is', () => {
  const wait = new FetchWait(250)
  wait.stir()
  expect(wait.ms + 100).toBe(350)
})
