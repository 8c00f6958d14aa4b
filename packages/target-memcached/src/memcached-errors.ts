import {
  connectionCodeOf,
  type FailureClass,
  type FailureOutcome,
  permanent,
  throttled,
  transient,
  unavailable,
} from '@daybook/core'

/** The one place where errors are classified: by what the server says, or the client of its connection. */
const classes: readonly (readonly [RegExp, FailureClass, code: string])[] = [
  [/^SERVER_ERROR object too large/i, 'permanent', 'too_large'],
  // There is no room among items of this size; for others there may be.
  [/^SERVER_ERROR out of memory/i, 'transient', 'out_of_memory'],
  [/^SERVER_ERROR/, 'transient', 'SERVER_ERROR'],
  [/^CLIENT_ERROR (unauthenticated|authentication)/i, 'unavailable', 'unauthenticated'],
  [/^CLIENT_ERROR/, 'permanent', 'CLIENT_ERROR'],
  [/^ERROR Too many open connections/i, 'unavailable', 'too_many_connections'],
  // A command that the server does not know, or refuses to all.
  [/^ERROR/, 'unavailable', 'ERROR'],
  // What the clients say where they have no connection, or it broke. A time-out of theirs breaks it.
  [/^(Not connected to|Connection (closed|reset|timeout))/, 'unavailable', 'connection'],
  [/^(connect (failed|timeout)|Command timeout|Shutdown requested)/, 'unavailable', 'connection'],
  [/^socket (end|close|timeout|error)|^No more valid servers/, 'unavailable', 'connection'],
  [/^SASL|authentication failed/i, 'unavailable', 'unauthenticated'],
]

const makers = { permanent, transient, throttled, unavailable } as const

/** The outcome that an error of a command means for its record. What nobody knows is `transient`. */
export function memcachedOutcome(error: unknown): FailureOutcome {
  if (isFailure(error)) return error
  const { message = String(error), name = 'UNKNOWN' } = (error ?? {}) as Partial<Error>
  const details = { cause: error }
  const connection = connectionCodeOf(error)
  if (connection !== undefined) return unavailable(connection, message, details)
  const known = classes.find(([pattern]) => pattern.test(message))
  if (known === undefined) return transient(name, message, details)
  const [, status, word] = known
  return makers[status](word, message, details)
}

/** True for what says that one server cannot be reached, rather than what all of them would say. */
export function isOfConnection({ code }: FailureOutcome): boolean {
  const isNamed = code === 'connection' || code === 'too_many_connections'
  return isNamed || connectionCodeOf({ code }) !== undefined
}

function isFailure(error: unknown): error is FailureOutcome {
  return typeof error === 'object' && error !== null && 'status' in error && 'code' in error
}
