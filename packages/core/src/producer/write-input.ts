import type { Duration } from '../config/quantity.ts'
import type { TraceContext } from '../record.ts'

/** Order and partition, 1 to 1,024 characters. Required where the namespace's order is `'key'`. */
export type KeyField<Order extends 'key' | 'none' = 'key'> = [Order] extends ['key']
  ? { readonly key: string }
  : { readonly key?: string | undefined }

/** What every record may say of itself. */
export interface WriteFields<Name extends string = string> {
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Not applied before so long after now. Not together with `at`. */
  readonly delay?: Duration | undefined
  /** Not applied before this instant: a Date, or ms since the Unix epoch. */
  readonly at?: Date | number | undefined
  /** Only this target, rather than every one. */
  readonly target?: Name | undefined
  /** The receipt's id, when writing again after `'unknown'`. A UUID in lower case. */
  readonly id?: string | undefined
  /**
   * The receipt's version, when writing again after `'unknown'`. At most a day ahead of the clock:
   * nothing written later could beat a version of the far future.
   */
  readonly version?: bigint | undefined
  /** When it happened, in ms since the Unix epoch; not before that. Default: now. */
  readonly writtenAt?: number | undefined
  /** A version this write must follow, seen elsewhere. At most a day ahead of the clock. */
  readonly after?: bigint | undefined
  readonly traceContext?: TraceContext | undefined
}

/** How long a write waits for its answer; for `writeMany`, that of all of its records. */
export interface WaitFields {
  /** Longest wait for durability, with the check of the payload; default the namespace's `writeTimeout`. */
  readonly timeout?: Duration | undefined
  /** Ends the wait; what is on its way by then is `'unknown'`, what is not yet is `'no'`. */
  readonly signal?: AbortSignal | undefined
}

/** A whole row or document. */
export interface PutPayload<Input> {
  readonly op?: 'put' | undefined
  readonly payload: Input
}

/** Some of its fields. A schema, if any, is not applied to them. */
export interface PatchPayload<Input> {
  readonly op: 'patch'
  readonly payload: Partial<Input>
}

/** Its removal, with at most its key fields. */
export interface DeletePayload<Input> {
  readonly op: 'delete'
  readonly payload?: Partial<Input> | undefined
}

/** What `writeMany` takes of each record: as `write`, but for the wait, which is for all of them. */
export type WriteManyInput<
  Input,
  Name extends string = string,
  Order extends 'key' | 'none' = 'key',
> = WriteFields<Name> &
  KeyField<Order> &
  (PutPayload<Input> | PatchPayload<Input> | DeletePayload<Input>)

/** What `write` takes. */
export type WriteInput<
  Input,
  Name extends string = string,
  Order extends 'key' | 'none' = 'key',
> = WriteManyInput<Input, Name, Order> & WaitFields

/** What `delete` takes. */
export type DeleteInput<
  Input,
  Name extends string = string,
  Order extends 'key' | 'none' = 'key',
> = WriteFields<Name> & WaitFields & KeyField<Order> & Omit<DeletePayload<Input>, 'op'>

/** How long `writeMany` waits, for all of its records. */
export type WriteManyOptions = WaitFields
