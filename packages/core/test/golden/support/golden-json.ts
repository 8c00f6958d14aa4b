import type { StoredDeadLetter } from '../../../src/dlq/dlq.ts'
import type { StoredRecord } from '../../../src/record.ts'

/** What must come out of a golden directory: its `expected.json`. */
export interface Expected {
  /** What is in it, for whoever reads a failed test. */
  readonly about: string
  /** Sequence of the first record. */
  readonly firstSequence: number
  /** All that is in the log, in its order. */
  readonly records: readonly RecordJson[]
  /** Per target, the ids of the records that it is still to be given, by key (`''` for none). */
  readonly pending: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
  /** Per target and id, what has been tried. */
  readonly attempts: Readonly<Record<string, Readonly<Record<string, AttemptsJson>>>>
  readonly deadLetters: readonly LetterJson[]
}

export interface AttemptsJson {
  readonly spent: number
  readonly interrupted: number
}

/** A record with its version in digits and its payload in base64. What is left out is undefined. */
export type RecordJson = Partial<Omit<StoredRecord, 'version' | 'payload'>> & {
  readonly id: string
  readonly version: string
  readonly payload?: string
}

export type LetterJson = Omit<StoredDeadLetter, 'record'> & { readonly record: RecordJson }

export function recordJson({ version, payload, ...fields }: StoredRecord): RecordJson {
  const bytes = payload === undefined ? {} : { payload: Buffer.from(payload).toString('base64') }
  return withoutUndefined({ ...fields, version: version.toString(), ...bytes })
}

export function letterJson({ record, ...fields }: StoredDeadLetter): LetterJson {
  return { ...fields, record: recordJson(record) }
}

/** JSON has no undefined: what is compared with it must have none either. */
function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T
}
