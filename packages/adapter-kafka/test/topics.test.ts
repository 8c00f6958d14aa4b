import { expect, test } from 'vitest'
import type { KafkaAdmin, KafkaClient, KafkaTopic } from '../src/index.ts'
import { settingsOf } from '../src/kafka-options.ts'
import { ensureTopics, type WantedTopic } from '../src/topics.ts'

const wanted: WantedTopic = {
  ...{ topic: 'films', partitions: 2, needsAll: false, cleanup: 'delete' },
  ...{ retentionMs: 60_000, leastRetentionMs: 0, messageBytes: 1_000 },
}

const client = { name: 'none', admin() {}, sender() {}, group() {}, reader() {} }
const settings = settingsOf({
  ...{ client: client as unknown as KafkaClient, topic: 'films', allowUnderReplicated: true },
})

/** A cluster in which a topic that was made has leaders once it has been looked at so often. */
function clusterOf(looksWithout: number, isThere = false) {
  const seen = { created: 0, looks: 0, pausedMs: 0 }
  const topic = async (): Promise<KafkaTopic | undefined> => {
    if (seen.created === 0 && !isThere) return undefined
    return { partitions: 2, replicas: 1, hasLeaders: seen.looks++ >= looksWithout }
  }
  const admin = {
    topic,
    cluster: async () => ({ id: 'a', brokers: 1 }),
    create: async () => void seen.created++,
    settings: async () => new Map(),
  } as unknown as KafkaAdmin
  const pause = async (ms: number): Promise<void> => {
    seen.pausedMs += ms
  }
  const how = { ...settings, create: !isThere }
  return { seen, ensure: () => ensureTopics(admin, [wanted], how, pause) }
}

test('a topic that was made is not used before all of its partitions have leaders', async () => {
  const { seen, ensure } = clusterOf(3)
  expect(await ensure()).toMatchObject([{ partitions: 2 }])
  expect(seen).toMatchObject({ created: 1, looks: 4 })
})

test('a topic that is there is not missing while partitions of it have no leader: they are waited for', async () => {
  const { seen, ensure } = clusterOf(3, true)
  expect(await ensure()).toMatchObject([{ partitions: 2 }])
  expect(seen).toMatchObject({ created: 0, looks: 4 })
})

test('leaders that do not come within half a minute are told of, and may come yet', async () => {
  const { seen, ensure } = clusterOf(Number.POSITIVE_INFINITY)
  await expect(ensure()).rejects.toMatchObject({
    ...{ code: 'ERR_IO', retryable: true },
    message: expect.stringMatching(/films has partitions without a leader, and had for 30000 ms/),
  })
  expect(seen.pausedMs).toBeGreaterThanOrEqual(30_000)
})
