import { WalError } from '@daybook/core'
import type { KafkaAdmin, KafkaTopic, NewKafkaTopic } from './kafka-client.ts'
import { kafkaError } from './kafka-errors.ts'
import type { KafkaSettings } from './kafka-options.ts'

/** A topic that a queue needs, and how it has to be. */
export interface WantedTopic {
  readonly topic: string
  readonly partitions: number
  /** Fewer partitions than `partitions` will not do. */
  readonly needsAll: boolean
  readonly cleanup: 'delete' | 'compact'
  /** How long one that is created keeps what it is given, in ms; Infinity for ever. */
  readonly retentionMs: number
  /** How long one that is there already has to keep it. */
  readonly leastRetentionMs: number
  /** At least so many bytes in a batch. */
  readonly messageBytes: number
  /** How long a compacted one at least has to keep the marks of what was removed, in ms. */
  readonly leastMarksMs?: number
}

/** What a topic that will do is like. */
export interface CheckedTopic {
  readonly partitions: number
  /** Infinity for ever. */
  readonly retentionMs: number
  /** By when a record has been removed after it was sent, in ms; Infinity for never. */
  readonly longestStayMs: number
}

const leadersWithinMs = 30_000

/** A broker's default of `segment.ms`: seven days. */
const defaultSegmentMs = 604_800_000
/** A broker looks for what is to be removed every five minutes (`log.retention.check.interval.ms`). */
const removedWithinMs = 600_000

/**
 * Creates the topics that are missing, waits until each partition has a leader (a client that sends
 * before may store a batch twice), and checks that they keep what they are given. Answers how each is.
 */
export async function ensureTopics(
  admin: KafkaAdmin,
  wanted: readonly WantedTopic[],
  settings: KafkaSettings,
  pause: (ms: number) => Promise<void>,
): Promise<readonly CheckedTopic[]> {
  const found = await Promise.all(wanted.map(({ topic }) => look(admin, topic)))
  const missing = wanted.filter((_, at) => found[at] === undefined)
  if (missing.length > 0) await create(admin, missing, settings)
  const topics = await Promise.all(
    wanted.map(({ topic }, at) => untilItLeads(admin, topic, found[at], pause)),
  )
  return Promise.all(
    wanted.map((want, at) => check(admin, want, topics[at] as KafkaTopic, settings)),
  )
}

async function look(admin: KafkaAdmin, topic: string): Promise<KafkaTopic | undefined> {
  try {
    return await admin.topic(topic)
  } catch (error) {
    throw kafkaError(`The topic ${topic} cannot be looked at`, error)
  }
}

async function create(
  admin: KafkaAdmin,
  missing: readonly WantedTopic[],
  settings: KafkaSettings,
): Promise<void> {
  const names = missing.map(({ topic }) => topic).join(', ')
  if (!settings.create) {
    throw new WalError(
      'ERR_CONFIG',
      `The cluster has no topic ${names}. Create it, or leave \`create\` at true.`,
    )
  }
  try {
    const replicas = settings.replicas ?? Math.min(3, (await admin.cluster()).brokers)
    await admin.create(missing.map((want) => newTopic(want, replicas)))
  } catch (error) {
    throw kafkaError(`The topics ${names} cannot be created`, error)
  }
}

function newTopic({ topic, partitions, ...want }: WantedTopic, replicas: number): NewKafkaTopic {
  const settings = new Map([
    ['cleanup.policy', want.cleanup],
    ['max.message.bytes', String(want.messageBytes)],
  ])
  if (want.cleanup === 'delete') settings.set('retention.ms', msText(want.retentionMs))
  if (want.leastMarksMs !== undefined)
    settings.set('delete.retention.ms', msText(want.leastMarksMs))
  if (replicas >= 3) settings.set('min.insync.replicas', '2')
  return { topic, partitions, replicas, settings }
}

function msText(ms: number): string {
  return String(ms === Number.POSITIVE_INFINITY ? -1 : Math.ceil(ms))
}

async function untilItLeads(
  admin: KafkaAdmin,
  topic: string,
  seen: KafkaTopic | undefined,
  pause: (ms: number) => Promise<void>,
): Promise<KafkaTopic> {
  let found = seen
  for (let waitedMs = 0; !found?.hasLeaders; ) {
    if (waitedMs >= leadersWithinMs) {
      const text =
        `The topic ${topic} has partitions without a leader, and had for ${leadersWithinMs} ms. ` +
        'Bring back the brokers that have their replicas.'
      throw new WalError('ERR_IO', text, { retryable: true })
    }
    const stepMs = 20 + waitedMs / 4
    await pause(stepMs)
    waitedMs += stepMs
    found = await look(admin, topic)
  }
  return found
}

async function check(
  admin: KafkaAdmin,
  want: WantedTopic,
  found: KafkaTopic,
  { allowUnderReplicated }: KafkaSettings,
): Promise<CheckedTopic> {
  const { topic } = want
  const has = await settingsOf(admin, topic)
  const problems: string[] = []
  const policy = has.get('cleanup.policy') ?? 'delete'
  if (policy !== want.cleanup) {
    problems.push(
      `its cleanup.policy is "${policy}" and must be "${want.cleanup}", or records are lost`,
    )
  }
  const setMs = Number(has.get('retention.ms') ?? -1)
  const retentionMs = policy === 'delete' && setMs >= 0 ? setMs : Number.POSITIVE_INFINITY
  if (want.cleanup === 'delete' && retentionMs < want.leastRetentionMs) {
    const wanted = msText(want.leastRetentionMs)
    problems.push(
      `its retention.ms is ${retentionMs}; set it to ${wanted}, as the namespace asks for`,
    )
  }
  const bytes = Number(has.get('retention.bytes') ?? -1)
  if (
    want.cleanup === 'delete' &&
    want.leastRetentionMs === Number.POSITIVE_INFINITY &&
    bytes >= 0
  ) {
    problems.push(`its retention.bytes is ${bytes} and must be -1, or records are lost`)
  }
  problems.push(...marksProblems(want, has))
  const messageBytes = messageBytesOf(has) ?? want.messageBytes
  if (messageBytes < want.messageBytes) {
    problems.push(
      `its max.message.bytes is ${messageBytes} and must be at least ${want.messageBytes}`,
    )
  }
  if (want.needsAll && found.partitions < want.partitions) {
    problems.push(`it has ${found.partitions} partitions and needs ${want.partitions}: add some`)
  }
  const inSync = Number(has.get('min.insync.replicas') ?? 1)
  if (!allowUnderReplicated && (found.replicas < 3 || inSync < 2)) {
    problems.push(
      `it has ${found.replicas} replicas and min.insync.replicas ${inSync}. With less than 3 and 2 an ` +
        'acknowledged record can be lost with one broker; raise them, or accept it with `allowUnderReplicated: true`',
    )
  }
  if (problems.length === 0) {
    const longestStayMs = retentionMs + segmentMs(has) + removedWithinMs
    return { partitions: found.partitions, retentionMs, longestStayMs }
  }
  throw new WalError('ERR_CONFIG', `The topic ${topic} will not do: ${problems.join('; ')}.`)
}

/** Most bytes of a batch that a topic of these settings takes; undefined where they do not say. */
export function messageBytesOf(has: ReadonlyMap<string, string>): number | undefined {
  const bytes = has.get('max.message.bytes')
  return bytes === undefined ? undefined : Number(bytes)
}

/** How long a segment may grow. All of it is removed at once, when its last record is old enough. */
function segmentMs(has: ReadonlyMap<string, string>): number {
  return Number(has.get('segment.ms') ?? defaultSegmentMs)
}

function marksProblems(
  { leastMarksMs = 0 }: WantedTopic,
  has: ReadonlyMap<string, string>,
): readonly string[] {
  const marksMs = Number(has.get('delete.retention.ms') ?? leastMarksMs)
  if (marksMs >= leastMarksMs) return []
  return [
    `its delete.retention.ms is ${marksMs} and must be at least ${leastMarksMs}, or who has not read for long ` +
      'sees again what was removed',
  ]
}

async function settingsOf(admin: KafkaAdmin, topic: string): Promise<ReadonlyMap<string, string>> {
  try {
    return await admin.settings(topic)
  } catch (error) {
    throw kafkaError(`The settings of the topic ${topic} cannot be read`, error)
  }
}
