import { VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { clusterOf } from '../src/cluster.ts'
import type { KafkaAdmin } from '../src/index.ts'

/** A cluster that answers from some time on, and fails so until then. */
function clusterFrom(answersFromMs: number, type: string) {
  const clock = new VirtualClock()
  const begun = clock.monotonic()
  const waitedMs = () => clock.monotonic() - begun
  const admin = {
    async cluster() {
      if (waitedMs() >= answersFromMs) return { id: 'a', brokers: 2 }
      const cause = Object.assign(new Error('The broker said so.'), { type })
      throw new Error('The number of retries is exceeded.', { cause })
    },
  } as Partial<KafkaAdmin> as KafkaAdmin
  const pause = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve))
  const ask = () =>
    clock.runUntil(clusterOf(admin, { client: { name: 'kafkajs' }, topic: 'films', clock, pause }))
  return { ask, waitedMs }
}

test('a cluster of which nothing is told while partitions have no leader is asked again', async () => {
  const { ask, waitedMs } = clusterFrom(20_000, 'LEADER_NOT_AVAILABLE')
  expect(await ask()).toEqual({ id: 'a', brokers: 2 })
  expect(waitedMs()).toBe(20_000)
})

test('a cluster whose partitions get no leader within half a minute fails a start, and what to do is said', async () => {
  const { ask, waitedMs } = clusterFrom(Number.POSITIVE_INFINITY, 'LEADER_NOT_AVAILABLE')
  const told = /films cannot be asked through kafkajs.*unavailable-partitions.*platformatic\(…\)/
  await expect(ask()).rejects.toMatchObject({
    ...{ code: 'ERR_IO', retryable: true, message: expect.stringMatching(told) },
  })
  expect(waitedMs()).toBe(30_000)
})

test('a cluster that does not let a client in is asked once', async () => {
  const { ask, waitedMs } = clusterFrom(20_000, 'SASL_AUTHENTICATION_FAILED')
  await expect(ask()).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  expect(waitedMs()).toBe(0)
})
