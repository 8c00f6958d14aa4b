import type { Duration } from '../config/quantity.ts'
import type { TraceContext } from '../record.ts'

/** What every write may say of itself. */
export interface WriteFields<Name extends string = string> {
  /** Order and partition. Required where the namespace's order is `'key'`. 1 to 1,024 characters. */
  readonly key?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Not applied before so long after now. Not together with `at`. */
  readonly delay?: Duration | undefined
  /** Not applied before this instant: a Date, or ms since the Unix epoch. */
  readonly at?: Date | number | undefined
  /** Only this target, rather than every one. */
  readonly target?: Name | undefined
  /** The receipt's id, when writing again after `'unknown'`. A UUID in lower case. */
  readonly id?: string | undefined
  /** The receipt's version, when writing again after `'unknown'`. */
  readonly version?: bigint | undefined
  /** When it happened, in ms since the Unix epoch. Default: now. */
  readonly writtenAt?: number | undefined
  /** A version this write must follow, seen elsewhere. */
  readonly after?: bigint | undefined
  readonly traceContext?: TraceContext | undefined
  /** Longest wait for durability; default the namespace's `writeTimeout`. */
  readonly timeout?: Duration | undefined
  /** Ends the wait; what is on its way by then is `'unknown'`. */
  readonly signal?: AbortSignal | undefined
}

/** A whole row or document. */
export interface PutInput<Input, Name extends string = string> extends WriteFields<Name> {
  readonly op?: 'put' | undefined
  readonly payload: Input
}

/** Some of its fields. A schema, if any, is not applied to them. */
export interface PatchInput<Input, Name extends string = string> extends WriteFields<Name> {
  readonly op: 'patch'
  readonly payload: Partial<Input>
}

/** Its removal, with at most its key fields. */
export interface DeleteInput<Input, Name extends string = string> extends WriteFields<Name> {
  readonly payload?: Partial<Input> | undefined
}

/** What `write` takes. */
export type WriteInput<Input, Name extends string = string> =
  | PutInput<Input, Name>
  | PatchInput<Input, Name>
  | (DeleteInput<Input, Name> & { readonly op: 'delete' })

/** How long `writeMany` waits, for all of its records. */
export type WriteManyOptions = Pick<WriteFields, 'timeout' | 'signal'>
