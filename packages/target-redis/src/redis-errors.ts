import {
  connectionCodeOf,
  type FailureClass,
  type FailureOutcome,
  type HeldOutcome,
  held,
  isWalError,
  permanent,
  throttled,
  transient,
  unavailable,
} from '@daybook/core'

/** The one place where errors are classified: by the first word of what the server says. */
const replies: Readonly<Record<string, FailureClass | 'held'>> = {
  // The server is not (yet) one that takes writes.
  LOADING: 'unavailable',
  MASTERDOWN: 'unavailable',
  READONLY: 'unavailable',
  CLUSTERDOWN: 'unavailable',
  NOREPLICAS: 'unavailable',
  MISCONF: 'unavailable',
  // Nobody gets in until somebody mends the configuration, here or there.
  NOAUTH: 'unavailable',
  WRONGPASS: 'unavailable',
  NOPERM: 'unavailable',
  DENIED: 'unavailable',
  MOVED: 'unavailable',
  // It asks for less, or for a moment.
  OOM: 'throttled',
  BUSY: 'throttled',
  UNKILLABLE: 'throttled',
  TRYAGAIN: 'throttled',
  ASK: 'throttled',
  // The script was flushed between two calls.
  NOSCRIPT: 'transient',
  // This key will never take it.
  WRONGTYPE: 'permanent',
  CROSSSLOT: 'permanent',
  // A newer release may have written it: who is upgraded can read it.
  DAYBOOK: 'held',
}

/** Replies whose first word is the general `ERR`. */
const sentences: readonly (readonly [RegExp, FailureClass])[] = [
  [/max number of clients/i, 'unavailable'],
  [/invalid (username|password)|without any password/i, 'unavailable'],
  [/unknown command|cluster support disabled/i, 'unavailable'],
  [/string exceeds maximum allowed size/i, 'permanent'],
]

/** By the name of an error's class, where a client has a word of its own for a broken connection. */
const connectionNames: ReadonlySet<string> = new Set([
  'AbortError',
  'ClientClosedError',
  'ClientOfflineError',
  'ClusterAllFailedError',
  'CommandTimeoutDuringMaintenanceError',
  'ConnectionTimeoutError',
  'DisconnectsClientError',
  'MaxCommandRedirectionsError',
  'MaxRetriesPerRequestError',
  'ReconnectStrategyError',
  'RootNodesUnavailableError',
  'SocketClosedUnexpectedlyError',
  'SocketTimeoutDuringMaintenanceError',
  'SocketTimeoutError',
  // Of node-redis: the command could not be written in time.
  'TimeoutError',
])

/**
 * What ioredis says, whose errors have no names. A cluster of which a node is gone redirects to it
 * until the client has had enough.
 */
const connectionMessages: readonly RegExp[] = [
  /^Connection is closed|^Stream isn't writeable|^Node is disconnected|^Socket timeout/,
  /^Too many Cluster redirections|^Failed to refresh slots|^None of startup nodes/,
  /^Cluster (isn't ready|is disconnect)|^Cluster closed|^All sentinels are unreachable/,
  /no master nodes available|^None of the sentinels|^couldn't connect to any sentinels/,
]

const makers = { permanent, transient, throttled, unavailable, held } as const

/** How long a record waits for whoever upgrades this process, in ms. */
const upgradeMs = 30_000

/** The outcome that an error of a command means for its record. What nobody knows is `transient`. */
export function redisOutcome(error: unknown): FailureOutcome | HeldOutcome {
  if (isFailure(error)) return error
  const { message = String(error), name = '' } = (error ?? {}) as Partial<Error>
  const [word = ''] = message.split(' ', 1)
  const byWord = Object.hasOwn(replies, word) ? replies[word] : undefined
  if (byWord !== undefined) return make(classOfReply(word, byWord, message), word, message, error)
  const bySentence = sentences.find(([pattern]) => pattern.test(message))?.[1]
  if (bySentence !== undefined) return make(bySentence, 'ERR', message, error)
  const connection = connectionCodeOf(error)
  if (connection !== undefined) return make('unavailable', connection, message, error)
  const className = (error as Error | undefined)?.constructor?.name ?? ''
  const known = [name, className].find((each) => connectionNames.has(each))
  if (known !== undefined || connectionMessages.some((pattern) => pattern.test(message))) {
    return make('unavailable', known ?? 'connection', message, error)
  }
  if (isWalError(error)) return make('transient', error.code, message, error)
  return make('transient', word === 'ERR' ? 'ERR' : name || 'UNKNOWN', message, error)
}

/** A user may be kept from one key, or from all that is asked of the server. */
function classOfReply(
  word: string,
  byWord: FailureClass | 'held',
  message: string,
): FailureClass | 'held' {
  return word === 'NOPERM' && /\bkeys?\b/i.test(message) ? 'permanent' : byWord
}

function make(
  status: FailureClass | 'held',
  code: string,
  message: string,
  cause: unknown,
): FailureOutcome | HeldOutcome {
  const retryAfterMs = status === 'held' ? upgradeMs : undefined
  return makers[status](code, `${message}${help[code] ?? ''}`, { cause, retryAfterMs })
}

/** What somebody has to do, where the server does not say it. */
const help: Readonly<Record<string, string>> = {
  MOVED: '. The server is one of a cluster: pass a client for clusters.',
  DAYBOOK:
    ' that this release can read. A newer one may have written it: upgrade this process. If something else has, remove that key.',
  ClientClosedError: '. Call connect() on the client before the wal starts.',
  TimeoutError: '. The client could not write the command in time.',
}

function isFailure(error: unknown): error is FailureOutcome {
  return typeof error === 'object' && error !== null && 'status' in error && 'code' in error
}
