import { shown } from '../error-text.ts'
import { WalError } from '../errors.ts'
import type { Op, TraceContext } from '../record.ts'
import { isRecordId } from '../record-id.ts'
import type { WriteInput } from './write-input.ts'

/** What a namespace asks of the fields of a write. */
export interface FieldRules {
  readonly namespace: string
  readonly order: 'key' | 'none'
  /** Has one entry per target. */
  readonly targets: ReadonlyMap<string, unknown>
}

/** Whatever a write may have. One misspelt would be passed over in silence: a delay, say. */
const fieldNames: ReadonlySet<string> = new Set<keyof WriteInput<unknown>>([
  'key',
  'op',
  'payload',
  'headers',
  'delay',
  'at',
  'target',
  'id',
  'version',
  'writtenAt',
  'after',
  'traceContext',
  'timeout',
  'signal',
])

const longestKey = 1024
/** The latest instant that a Date can hold, in ms since the Unix epoch. */
const latestInstant = 8_640_000_000_000_000
const mostHeaderCharacters = 65_536
/** Twice what W3C Trace Context asks everybody to pass on. */
const longestTrace = 1024

/**
 * Checks every field of a write but its payload, delay and versions. Throws `ERR_INVALID_RECORD`
 * or `ERR_UNKNOWN_TARGET`.
 */
export function checkFields(
  input: WriteInput<unknown, string, 'none'>,
  op: Op,
  { namespace, order, targets }: FieldRules,
): void {
  const { key, headers, target, id, writtenAt, traceContext } = input
  for (const name in input) {
    if (!fieldNames.has(name)) {
      const known = [...fieldNames].join(', ')
      throw refused(namespace, `it has ${shown(name)}, which is no field of a write: ${known}`)
    }
  }
  if (!isOp(op)) {
    throw refused(namespace, `op is ${shown(op)}; it must be 'put', 'patch' or 'delete'`)
  }
  if (key === undefined ? order === 'key' : !isKey(key)) {
    throw refused(
      namespace,
      `the key is ${shown(key)}; it must be well-formed text of 1 to ${longestKey} characters`,
    )
  }
  if (op === 'patch' && (typeof input.payload !== 'object' || input.payload === null)) {
    throw refused(namespace, "a patch's payload must be an object of the fields it sets")
  }
  if (target !== undefined && !targets.has(target)) {
    throw new WalError(
      'ERR_UNKNOWN_TARGET',
      `Namespace '${namespace}' has no target ${shown(target)}; it has ${[...targets.keys()].join(', ')}`,
    )
  }
  if (id !== undefined && !isRecordId(id)) {
    throw refused(namespace, `the id is ${shown(id)}; it must be a UUID in lower case`)
  }
  if (writtenAt !== undefined && !isInstant(writtenAt)) {
    throw refused(namespace, `writtenAt is ${shown(writtenAt)}; it must be ms since the Unix epoch`)
  }
  if (headers !== undefined) checkHeaders(namespace, headers)
  if (traceContext !== undefined) checkTraceContext(namespace, traceContext)
}

/** Checks headers: an object of well-formed strings, within their limit. */
export function checkHeaders(
  namespace: string,
  headers: Readonly<Record<string, unknown>> | null,
): void {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw refused(namespace, 'its headers must be an object of strings')
  }
  let characters = 0
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') throw refused(namespace, `header '${name}' is not a string`)
    if (!name.isWellFormed() || !value.isWellFormed()) {
      throw refused(namespace, `header '${name}' holds half a surrogate pair`)
    }
    characters += name.length + value.length
  }
  if (characters > mostHeaderCharacters) {
    throw refused(namespace, `its headers take ${characters} characters of ${mostHeaderCharacters}`)
  }
}

/** Checks a trace context. */
export function checkTraceContext(namespace: string, context: Partial<TraceContext> | null): void {
  const { traceparent, tracestate = '' } = context ?? {}
  for (const text of [traceparent, tracestate]) {
    if (typeof text !== 'string' || text.length > longestTrace || !text.isWellFormed()) {
      throw refused(
        namespace,
        `its traceContext must hold a traceparent, and may hold a tracestate, of at most ${longestTrace} characters each`,
      )
    }
  }
}

/** The error of a record that is refused. */
export function refused(namespace: string, reason: string, cause?: unknown): WalError {
  return new WalError(
    'ERR_INVALID_RECORD',
    `A record for namespace '${namespace}' is refused: ${reason}`,
    { cause },
  )
}

/** True for an op there is. */
export function isOp(op: unknown): op is Op {
  return op === 'put' || op === 'patch' || op === 'delete'
}

/** True for ms since the Unix epoch that a Date can hold. */
export function isInstant(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= latestInstant
}

/** True for what may be a record's key. */
export function isKey(key: unknown): boolean {
  return typeof key === 'string' && key.length > 0 && key.length <= longestKey && key.isWellFormed()
}
