import { WalError, type WalErrorCode } from '@daybook/core'

interface Meaning {
  readonly code: WalErrorCode
  /** What to do about it. */
  readonly advice: string
  /** True where the broker stores nothing when it answers so, however often it was asked. */
  readonly isRefusal?: boolean
  readonly retryable?: boolean
}

const denied = (right: string): Meaning => ({
  code: 'ERR_CONFIG',
  advice: `Give this client's principal ${right}.`,
  isRefusal: true,
})

const unreachable: Meaning = {
  code: 'ERR_IO',
  advice: 'The brokers did not answer: see that they run, and that they can be reached from here.',
  retryable: true,
}

/** Of what is not in the table: it was answered, and nobody is to look for a broken connection. */
const answered: Meaning = {
  code: 'ERR_IO',
  advice: 'The broker answers so; where that does not pass by itself, its log says more.',
  retryable: true,
}

/** The broker's own names for what went wrong. Both clients pass them on. */
const meanings: Readonly<Record<string, Meaning>> = {
  MESSAGE_TOO_LARGE: {
    code: 'ERR_PAYLOAD_TOO_LARGE',
    advice: "Raise the topic's max.message.bytes, or write less.",
    isRefusal: true,
  },
  RECORD_LIST_TOO_LARGE: {
    code: 'ERR_PAYLOAD_TOO_LARGE',
    advice: "Raise the topic's max.message.bytes, or write less.",
    isRefusal: true,
  },
  INVALID_RECORD: {
    code: 'ERR_CONFIG',
    advice: 'The topic takes no such messages; look at its cleanup.policy and validators.',
    isRefusal: true,
  },
  UNKNOWN_TOPIC_OR_PARTITION: {
    code: 'ERR_CONFIG',
    // No refusal: a broker that has just started says so too, and an earlier try may have been stored.
    advice: 'Create the topic, or let this queue do it: `create: true`.',
  },
  INVALID_REPLICATION_FACTOR: {
    code: 'ERR_CONFIG',
    advice: 'The cluster has fewer brokers than `replicas` asks for.',
    isRefusal: true,
  },
  TOPIC_AUTHORIZATION_FAILED: denied(
    'Read, Write, Describe and DescribeConfigs on the topic (and Create, to have it created)',
  ),
  CLUSTER_AUTHORIZATION_FAILED: denied('IdempotentWrite (or Create) on the cluster'),
  GROUP_AUTHORIZATION_FAILED: denied('Read on the group'),
  SASL_AUTHENTICATION_FAILED: {
    code: 'ERR_CONFIG',
    advice: 'Check the user name, the password and the mechanism.',
    isRefusal: true,
  },
  ILLEGAL_SASL_STATE: {
    code: 'ERR_CONFIG',
    advice: 'See that this listener asks for SASL at all.',
  },
  UNSUPPORTED_SASL_MECHANISM: {
    code: 'ERR_CONFIG',
    advice: 'Give the client a mechanism that this listener has.',
  },
  INVALID_SESSION_TIMEOUT: {
    code: 'ERR_CONFIG',
    advice: 'Give a `sessionTimeoutMs` that the broker takes, usually 6,000 to 1,800,000.',
  },
  INVALID_GROUP_ID: { code: 'ERR_CONFIG', advice: 'Give another `group`.' },
  INVALID_TOPIC_EXCEPTION: {
    code: 'ERR_CONFIG',
    advice: 'Give the topic another name; two may not differ only in where they have "." and "_".',
  },
  INVALID_CONFIG: {
    code: 'ERR_CONFIG',
    advice: 'See `batchBytes`, and the `retention` of the namespace, or create the topic by hand.',
  },
  POLICY_VIOLATION: {
    code: 'ERR_CONFIG',
    advice: 'A rule of the cluster forbids it: see `partitions`, or have the topics created.',
  },
  OFFSET_OUT_OF_RANGE: {
    code: 'ERR_NOT_KEPT',
    advice: "The broker has removed what was to be read next. Raise the topic's retention.ms.",
  },
  LEADER_NOT_AVAILABLE: {
    code: 'ERR_IO',
    advice: 'A partition has no leader: bring back the brokers that have its replicas.',
    retryable: true,
  },
  NOT_ENOUGH_REPLICAS: {
    code: 'ERR_IO',
    advice: 'Fewer replicas are in sync than min.insync.replicas asks for.',
    retryable: true,
  },
}

/**
 * The broker's name for what went wrong, wherever in the client's error it stands; undefined where
 * no broker has said anything.
 */
export function brokerErrorOf(error: unknown, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null || depth > 5) return undefined
  const { type, apiId, errors, cause, name } = error as Record<string, unknown>
  for (const named of [type, apiId])
    if (typeof named === 'string' && named in meanings) return named
  if (name === 'KafkaJSSASLAuthenticationError') return 'SASL_AUTHENTICATION_FAILED'
  let nameless: string | undefined
  for (const inner of [cause, ...(Array.isArray(errors) ? errors : [])]) {
    const found = brokerErrorOf(inner, depth + 1)
    // So @platformatic/kafka calls what is said of single records, before what is said of their batch.
    if (found === 'UNKNOWN_SERVER_ERROR') nameless = found
    else if (found !== undefined) return found
  }
  if (nameless !== undefined) return nameless
  return typeof type === 'string' ? type : typeof apiId === 'string' ? apiId : undefined
}

/** A batch was given up before anything of it was on its way to the broker. Its cause is why it was not. */
export class UnsentError extends Error {}

/** True where the broker said for certain that it stored nothing. */
export function isRefusal(error: unknown): boolean {
  return meanings[brokerErrorOf(error) ?? '']?.isRefusal === true
}

/** True where the broker denies this client's principal what was asked. */
export function isDenied(error: unknown): boolean {
  return brokerErrorOf(error)?.endsWith('_AUTHORIZATION_FAILED') === true
}

const handovers: ReadonlySet<string | undefined> = new Set([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
])

/** True where the broker no longer takes this member for one of the group's present generation. */
export function isHandover(error: unknown): boolean {
  return handovers.has(brokerErrorOf(error))
}

/** The client's error as one of this library, with what to do about it. */
export function kafkaError(what: string, cause: unknown): WalError {
  const name = brokerErrorOf(cause)
  const usual = name === undefined ? unreachable : answered
  const { code, advice, retryable = false } = meanings[name ?? ''] ?? usual
  const said = name === undefined ? reasonOf(cause) : `${name}, ${reasonOf(cause)}`
  return new WalError(code, `${what}: ${said}. ${advice}`, { retryable, cause })
}

/** What the client says, and where that is only that something failed, why: the broker's own words or the network's. */
function reasonOf(cause: unknown): string {
  const outer = plain(cause instanceof Error ? cause.message : String(cause))
  const inner = plain(innermostOf(cause))
  return outer.includes(inner) ? outer : `${outer} (${inner})`
}

function innermostOf(error: unknown, depth = 0): string {
  if (typeof error !== 'object' || error === null) return ''
  const { errors, cause, message, serverErrorMessage } = error as Record<string, unknown>
  if (typeof serverErrorMessage === 'string' && serverErrorMessage !== '') return serverErrorMessage
  const name = brokerErrorOf(error)
  const list: readonly unknown[] = [cause, ...(Array.isArray(errors) ? errors : [])]
  const inner = list.find((one) => one instanceof Error && brokerErrorOf(one) === name)
  const found = depth < 5 ? innermostOf(inner, depth + 1) : ''
  return found === '' && typeof message === 'string' ? message : found
}

function plain(text: string): string {
  return text.replace(/\.$/, '')
}
