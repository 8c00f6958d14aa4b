import { WalError } from '@daybook/core'
import type { KafkaQueueOptions, KafkaSettings } from './kafka-options.ts'
import { deadLettersTopicOf, delaysTopicOf } from './queue-parts.ts'

/** Throws `ERR_CONFIG` where this is no value for the option; it says what one is. */
type Check = (value: unknown, option: string) => void

/** Larger ones a timer of Node's takes for 1. */
const longestTimerMs = 2 ** 31 - 1
const mostInt32 = 2 ** 31 - 1
/** Topics that are created are told to take a little more, and Kafka counts that in 31 bits. */
const largestBatchBytes = 2_000_000_000

const checks: Readonly<Record<keyof KafkaQueueOptions, Check>> = {
  client: isClient,
  // Topics are looked at one by one, and together.
  topic: () => {},
  group: (value, option) => {
    if (typeof value === 'string' && /^\S{1,249}$/.test(value)) return
    const text = 'must be a name of 1 to 249 characters, none of them a space'
    throw wrong(option, `${text}, not ${shown(value)}`)
  },
  create: isBoolean,
  allowUnderReplicated: isBoolean,
  partitions: whole(1, mostInt32),
  // As many as the protocol has room for.
  replicas: whole(1, 2 ** 15 - 1),
  lingerMs: number(0, longestTimerMs),
  batchBytes: whole(1, largestBatchBytes),
  sendTimeoutMs: number(1, longestTimerMs),
  sessionTimeoutMs: whole(1, mostInt32),
  bufferRecords: whole(1, Number.MAX_SAFE_INTEGER),
  bufferBytes: whole(1, Number.MAX_SAFE_INTEGER),
  delayTiersMs: isTiers,
}

/** The methods of a client that are used: of one of this package, and of a `Kafka` of kafkajs. */
const clientMethods = [
  ['admin', 'sender', 'group', 'reader'],
  ['admin', 'producer', 'consumer'],
]

/** Looks at each option by itself. A configuration that is plain data has had no compiler. */
export function checkOptions(options: KafkaQueueOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new WalError(
      'ERR_CONFIG',
      `kafkaQueue: takes an object of options, not ${shown(options)}.`,
    )
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(checks, name)) continue
    throw wrong(name, `is no option; there are ${Object.keys(checks).join(', ')}`)
  }
  for (const [name, check] of Object.entries(checks)) {
    const value = options[name as keyof KafkaQueueOptions]
    if (value !== undefined || name === 'client') check(value, name)
  }
}

/** Looks at what belongs together. */
export function checkSettings({ topic, topics }: KafkaSettings): void {
  // With the longest of the suffixes a name has room in Kafka's 249 characters.
  for (const name of topics) {
    if (typeof name !== 'string' || !/^[a-zA-Z0-9._-]{1,230}$/.test(name)) {
      throw wrong('topic', `must be 1 to 230 letters, digits, ".", "_" or "-", not ${shown(name)}`)
    }
    if (name === '.' || name === '..') {
      throw wrong('topic', `is "${name}", which Kafka takes for a folder`)
    }
  }
  if (topics.length === 0) throw wrong('topic', 'must name at least one')
  const names = [...topics, delaysTopicOf(topic), deadLettersTopicOf(topic)]
  if (new Set(names).size < names.length) {
    throw wrong('topic', 'names a topic twice, or one that goes with the first')
  }
}

function isClient(value: unknown, option: string): void {
  const has = (method: string): boolean =>
    typeof (value as Record<string, unknown> | null | undefined)?.[method] === 'function'
  if (clientMethods.some((methods) => methods.every(has))) return
  const text = 'must be `new Kafka(…)` of kafkajs, or `platformatic(…)` of'
  throw wrong(option, `${text} @daybook/adapter-kafka/platformatic, not ${shown(value)}`)
}

function isBoolean(value: unknown, option: string): void {
  if (typeof value !== 'boolean') throw wrong(option, `must be true or false, not ${shown(value)}`)
}

function number(least: number, most: number): Check {
  return (value, option) => {
    if (typeof value === 'number' && value >= least && value <= most) return
    throw wrong(option, `must be a number from ${least} to ${most}, not ${shown(value)}`)
  }
}

function whole(least: number, most: number): Check {
  return (value, option) => {
    if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return
    throw wrong(option, `must be a whole number from ${least} to ${most}, not ${shown(value)}`)
  }
}

function isTiers(value: unknown, option: string): void {
  const isDescending =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((tier: unknown, at) => {
      return (
        typeof tier === 'number' && tier >= 1 && tier < (value[at - 1] ?? Number.POSITIVE_INFINITY)
      )
    })
  if (!isDescending) throw wrong(option, 'must hold at least one time, in ms, and descend')
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value.slice(0, 300)}"`
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'a list' : 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}

function wrong(option: string, reason: string): WalError {
  return new WalError('ERR_CONFIG', `kafkaQueue: \`${option}\` ${reason}.`)
}
