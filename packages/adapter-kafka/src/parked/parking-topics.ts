import { type QueueContext, WalError } from '@daybook/core'
import { noteOf } from '../consumer/progress-text.ts'
import type { KafkaAdmin, KafkaTopic } from '../kafka-client.ts'
import { isDenied, kafkaError } from '../kafka-errors.ts'
import type { KafkaSettings } from '../kafka-options.ts'
import { parkedTopicOf, type QueueParts } from '../queue-parts.ts'
import { type CheckedTopic, ensureTopics } from '../topics.ts'

/** What a parked record has beside its own message, and a batch's frame. */
const frameBytes = 120_000

/** Kafka takes no longer name of a topic. */
const longestName = 249

/** A coordinator is asked anew for so long before a start fails, in ms: a call of the client may try for minutes by itself. */
const answersWithinMs = 10_000

/** What topics are looked at with. */
interface ParkingOptions {
  readonly admin: KafkaAdmin
  readonly context: Pick<QueueContext, 'blocksKeys' | 'targets'>
  readonly settings: KafkaSettings
  pause(ms: number): Promise<void>
}

/** The topics in which records of these topics may be parked. */
export function parkedTopicsOf(
  settings: KafkaSettings,
  topics: readonly string[],
  targets: readonly string[],
): readonly string[] {
  return topics.flatMap((topic) => targets.map((target) => parkedTopicOf(topic, target, settings)))
}

/**
 * The topics of parked records that are there, and are as they have to be: all, where a dead letter blocks its key;
 * else those in which something was parked at some time.
 */
export async function parkingTopics(
  { admin, context, settings, pause }: ParkingOptions,
  topics: readonly (readonly [topic: string, found: CheckedTopic])[],
): Promise<ReadonlySet<string>> {
  const { blocksKeys = false, targets } = context
  const all = topics.flatMap(([topic, { partitions }]) =>
    parkedTopicsOf(settings, [topic], targets).map((name) => ({ topic: name, partitions })),
  )
  if (blocksKeys) for (const { topic } of all) checkName(topic)
  const isWanted = await Promise.all(
    all.map(async ({ topic }) => blocksKeys || (await isThere(admin, topic))),
  )
  const wanted = all.filter((_, at) => isWanted[at])
  const needs = wanted.map((one) => ({
    ...one,
    needsAll: true,
    cleanup: 'delete' as const,
    retentionMs: Number.POSITIVE_INFINITY,
    leastRetentionMs: Number.POSITIVE_INFINITY,
    messageBytes: settings.batchBytes + frameBytes,
  }))
  await ensureTopics(admin, needs, settings, pause)
  return new Set(wanted.map(({ topic }) => topic))
}

/** Rejects where a target's group has noted parked records, and their topic is not to be had. */
export async function checkParkedIsThere(
  { admin, parking, options, pause, context }: QueueParts,
  target: string,
  group: string,
): Promise<void> {
  for (const topic of options.topics) {
    const name = parkedTopicOf(topic, target, options)
    if (parking.has(name)) continue
    const committed = await committedOf({ admin, pause, context }, group, topic)
    const counts = committed.map(
      ({ offset, metadata }) => noteOf(offset, metadata).parked?.count ?? 0,
    )
    const count = counts.reduce((sum, one) => sum + one, 0)
    if (count === 0) continue
    const text =
      `${count} records of ${topic} for '${target}' wait in ${name}, which is not there, or this client's principal ` +
      'may not look at it. Give it Read, Write, Describe and DescribeConfigs on that topic. Where the topic is gone, ' +
      'create it anew, with as many partitions: it is then told how many records are lost.'
    throw new WalError('ERR_CONFIG', text)
  }
}

/** Asked until it is answered: a coordinator that has just come back, or moved, takes a moment to read its groups. */
async function committedOf(
  { admin, pause, context: { clock } }: Pick<QueueParts, 'admin' | 'pause' | 'context'>,
  group: string,
  topic: string,
) {
  const giveUpAt = clock.monotonic() + answersWithinMs
  for (let pausedMs = 0; ; ) {
    try {
      return [...(await admin.committed(group, topic)).values()]
    } catch (error) {
      // To join says so better.
      if (isDenied(error)) return []
      const failure = kafkaError(`It cannot be read how far the group "${group}" is`, error)
      if (!failure.retryable || clock.monotonic() >= giveUpAt) throw failure
    }
    const stepMs = 20 + pausedMs / 4
    await pause(stepMs)
    pausedMs += stepMs
  }
}

function checkName(topic: string): void {
  if (isName(topic)) return
  const text =
    `Records that wait behind dead letters would be parked in the topic "${topic}", and Kafka takes no such name: at most ` +
    `${longestName} letters, digits, ".", "_" and "-". Give the group, the target or the topic another one.`
  throw new WalError('ERR_CONFIG', text)
}

function isName(topic: string): boolean {
  return topic.length <= longestName && /^[a-zA-Z0-9._-]+$/.test(topic)
}

async function isThere(admin: KafkaAdmin, name: string): Promise<boolean> {
  if (!isName(name)) return false
  let found: KafkaTopic | undefined
  try {
    found = await admin.topic(name)
  } catch (error) {
    // A broker says so also of a topic that does not exist; a namespace that never blocks needs no right to it.
    if (isDenied(error)) return false
    throw kafkaError(`The topic ${name} cannot be looked at`, error)
  }
  return found !== undefined
}
