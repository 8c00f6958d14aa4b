import { VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { RetentionWatch } from '../../src/consumer/retention-watch.ts'

function watched(retentionMs: number) {
  const clock = new VirtualClock()
  const told: number[] = []
  const state: { oldest: number | undefined } = { oldest: undefined }
  const watch = new RetentionWatch({
    clock,
    retentionMs,
    oldestStoredAt: () => state.oldest,
    atRisk: (waitedMs) => told.push(waitedMs),
  })
  return { clock, told, state, watch }
}

test('a record that has waited for half of the retention is told of once, until it is done with', async () => {
  const { clock, told, state, watch } = watched(20_000)
  watch.start()
  state.oldest = clock.now()
  await clock.advance(9_900)
  expect(told).toEqual([])
  await clock.advance(5_000)
  expect(told).toEqual([10_000])
  state.oldest = undefined
  await clock.advance(1_000)
  state.oldest = clock.now()
  await clock.advance(11_000)
  expect(told).toHaveLength(2)
  watch.stop()
  state.oldest = undefined
  await clock.advance(60_000)
  expect(told).toHaveLength(2)
})

test('a topic that keeps everything is not watched', async () => {
  const { clock, told, state, watch } = watched(Number.POSITIVE_INFINITY)
  watch.start()
  state.oldest = 0
  await clock.advance(1_000_000)
  expect(told).toEqual([])
})
