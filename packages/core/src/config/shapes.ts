import * as v from 'valibot'
import type { Clock } from '../clock.ts'
import type { Codec } from '../codec.ts'
import type { DeadLetterQueue, DeadLetterSupports } from '../dlq/dlq.ts'
import type { Queue, QueueSupports } from '../queue/queue.ts'
import type { Random } from '../random.ts'
import type { ApplyBatch, Target } from '../target/target.ts'
import type { TransactionStore } from '../transaction/transaction-store.ts'
import type { PayloadType } from './payload-type.ts'

/** Tells what is wrong with a value, or undefined if nothing is. */
type Test = (value: unknown) => string | undefined
type Tests = Readonly<Record<string, Test>>

const method = test((value) => typeof value === 'function', 'must be a method')
const flag = test((value) => typeof value === 'boolean', 'must be true or false')
const text = test((value) => typeof value === 'string' && value !== '', 'must be a name')
const atLeastOne = test(
  (value) => typeof value === 'number' && value >= 1,
  'must be a number of at least 1, or Infinity',
)
const notNegative = test(
  (value) => typeof value === 'number' && value >= 0,
  'must be a number of ms, not negative, or Infinity',
)

const supports: Readonly<Record<keyof QueueSupports, Test>> = {
  order: oneOf('key', 'none'),
  longestDelayMs: notNegative,
  largestRecordBytes: atLeastOne,
  largestBatchRecords: atLeastOne,
  largestBatchBytes: atLeastOne,
  replay: flag,
  independentReaders: flag,
  deadLetterListing: flag,
  durability: oneOf('process', 'machine', 'replicated', 'none'),
  shared: flag,
  attempts: oneOf('all', 'numbers', 'none'),
  releaseHoldsKey: flag,
  withholdsLeasedKey: optional(flag),
}

const largestBatch: Tests = { maxRecords: optional(atLeastOne), maxBytes: optional(atLeastOne) }

const targetMembers: Tests = {
  apply: method,
  idempotency: oneOf('version', 'id', 'none'),
  ops: optional(
    test(
      (value) =>
        Array.isArray(value) && value.every((op) => ['put', 'patch', 'delete'].includes(op)),
      "must be an array of 'put', 'patch' and 'delete'",
    ),
  ),
  appliesInOrder: optional(
    test((value) => typeof value === 'boolean' || value === 'key', "must be true, false or 'key'"),
  ),
  passesOn: optional(
    test(
      (value) => typeof value === 'boolean' || value === 'peer',
      "must be true, false or 'peer'",
    ),
  ),
  guardsFields: optional(flag),
  largestBatch: optional(object(largestBatch)),
  validate: optional(method),
  read: optional(method),
  health: optional(method),
  remembersDeletesMs: optional(method),
  open: optional(method),
  close: optional(method),
}

const letterSupports: Readonly<Record<keyof DeadLetterSupports, Test>> = {
  listing: flag,
  counts: flag,
}

const deadLetterQueueMembers: Tests = {
  supports: optional(object(letterSupports)),
  open: optional(method),
  put: method,
  list: method,
  get: method,
  remove: method,
  removeIfSeen: optional(method),
  summaries: method,
  count: method,
  close: method,
}

/** A queue: every method, and every field of what it supports. */
export const queueShape = shaped<Queue>('a queue, such as memoryQueue() or fileQueue()', {
  kind: text,
  open: method,
  producer: method,
  consumer: method,
  deadLetters: method,
  transactions: optional(method),
  highestVersion: optional(method),
  versionsAbove: optional(method),
  keepsForMs: optional(method),
  storage: optional(method),
  handsOutForMs: optional(method),
  kept: optional(method),
  close: method,
  supports: object(supports),
})

const aTarget = 'a target: a function, or an object with apply() and idempotency'

/** A target, or the function that is one in its shortest form. */
export const targetShape = v.union(
  [
    v.pipe(
      v.custom<ApplyBatch>((value) => typeof value === 'function'),
      v.transform((apply): Target => ({ idempotency: 'none', apply })),
    ),
    shaped<Target>(aTarget, targetMembers),
  ],
  ({ input }) => wrongWith(aTarget, targetMembers, input),
)

const aDeadLetterQueue = "a dead-letter queue, or 'off'"

/** A dead-letter queue, or `'off'`. */
export const deadLettersShape = v.union(
  [v.literal('off'), shaped<DeadLetterQueue>(aDeadLetterQueue, deadLetterQueueMembers)],
  ({ input }) => wrongWith(aDeadLetterQueue, deadLetterQueueMembers, input),
)

/** A store of transactions: every method. */
export const transactionStoreShape = shaped<TransactionStore>('a store of transactions', {
  open: optional(method),
  create: method,
  addChunk: method,
  put: method,
  get: method,
  chunk: method,
  list: method,
  remove: method,
  close: method,
})

/** A codec: both its ways, and a name for messages. */
export const codecShape = shaped<Codec>('a codec: an object with name, encode() and decode()', {
  name: text,
  encode: method,
  decode: method,
})

/** A Standard Schema; some libraries' are functions. */
export const payloadShape = shaped<PayloadType<unknown>>(
  'type<T>() or a Standard Schema, such as a zod or valibot schema',
  { '~standard': object({ validate: method }) },
)

/** A source of time. */
export const clockShape = shaped<Clock>('a clock', {
  now: method,
  monotonic: method,
  setTimer: method,
})

/** A source of randomness. */
export const randomShape = shaped<Random>('a source of randomness', { next: method, fill: method })

function shaped<T>(what: string, members: Tests) {
  return v.custom<T>(
    (value) => wrongIn(members, value) === undefined,
    ({ input }) => wrongWith(what, members, input),
  )
}

function wrongWith(what: string, members: Tests, value: unknown): string {
  return isObject(value) ? `must be ${what}: ${wrongIn(members, value)}` : `must be ${what}`
}

/** Everything that is wrong with the members of an object. */
function wrongIn(members: Tests, value: unknown): string | undefined {
  if (!isObject(value)) return 'must be an object'
  const wrong = Object.entries(members).flatMap(([name, testOf]) => {
    const reason = testOf(Reflect.get(value, name))
    return reason === undefined ? [] : [`its ${name} ${reason}`]
  })
  return wrong.length === 0 ? undefined : wrong.join(', ')
}

function object(members: Tests): Test {
  return (value) => wrongIn(members, value)
}

function optional(testOf: Test): Test {
  return (value) => (value === undefined ? undefined : testOf(value))
}

function oneOf(...options: readonly unknown[]): Test {
  const names = options.map((option) => `'${option}'`).join(', ')
  return test((value) => options.includes(value), `must be one of ${names}`)
}

function test(is: (value: unknown) => boolean, reason: string): Test {
  return (value) => (is(value) ? undefined : reason)
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
