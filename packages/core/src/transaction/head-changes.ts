import type { Clock } from '../clock.ts'
import {
  stateOf,
  type TransactionFailure,
  type TransactionHead,
  type TransactionProgress,
  type TransactionPutOptions,
  type TransactionState,
  type TransactionStore,
} from './transaction-store.ts'

/** A transaction has come into another state. */
export interface TransactionChange {
  readonly id: string
  readonly state: TransactionState
  /** The target that brought it there; undefined for what concerns none. */
  readonly target: string | undefined
  /** Why, where it is parked. */
  readonly failure: TransactionFailure | undefined
}

export interface HeadChangesOptions {
  readonly store: TransactionStore
  readonly clock: Clock
  onChange(change: TransactionChange): void
}

/** What a change of a target's progress makes of it, or undefined to leave it as it is. */
export type ChangeProgress = (
  progress: TransactionProgress,
) => Partial<TransactionProgress> | undefined

/** How a target's progress is changed. */
export interface ProgressOptions extends Pick<TransactionPutOptions, 'lasting'> {
  /** Its marker's, which is fixed by the first of them. */
  readonly version?: bigint
  /** See `TransactionPutOptions.mayWait`; told the head as it was before. */
  readonly mayWait?: (before: TransactionHead) => boolean
}

/** Tries of one change that others keep overtaking: targets and processes are few. */
const mostTries = 1000

/** Changes heads by conditional puts, and tells of every transition. */
export class HeadChanges {
  readonly #options: HeadChangesOptions

  constructor(options: HeadChangesOptions) {
    this.#options = options
  }

  /** Stores a new head and its first chunks, and tells of it; false if there is one of its id. Rejects where the store fails. */
  async create(head: TransactionHead, chunks: readonly Uint8Array[]): Promise<boolean> {
    const { store, onChange } = this.#options
    if (!(await this.#made(head, () => store.create(head, chunks)))) return false
    const { id, state } = head
    onChange({ id, state, target: undefined, failure: undefined })
    return true
  }

  /**
   * Puts the head with these fields; false if it is not the latest. Rejects where the store fails.
   * Tells of the transition if there is one.
   */
  async put(
    head: TransactionHead,
    fields: Partial<TransactionHead>,
    options: TransactionPutOptions & { readonly target?: string } = {},
  ): Promise<TransactionHead | undefined> {
    const { store, clock, onChange } = this.#options
    const state = fields.state ?? head.state
    const changedAt = state === head.state ? head.changedAt : clock.now()
    const next = { ...head, ...fields, revision: head.revision + 1, changedAt }
    if (!(await this.#made(next, () => store.put(next, options)))) return undefined
    if (state !== head.state) {
      const { target } = options
      const failure = target === undefined ? undefined : next.targets[target]?.failure
      onChange({ id: head.id, state, target, failure })
    }
    return next
  }

  /** Changes a target's progress, and the state that follows. Undefined if there is nothing to change. */
  async progress(
    id: string,
    target: string,
    change: ChangeProgress,
    options: ProgressOptions = {},
  ): Promise<TransactionHead | undefined> {
    const { store } = this.#options
    for (let tries = 0; tries < mostTries; tries++) {
      const head = await store.get(id)
      const before = head?.targets[target]
      const own = before && change(before)
      if (head === undefined || before === undefined || own === undefined) return undefined
      const progress: TransactionProgress = { ...before, ...own }
      const targets = { ...head.targets, [target]: progress }
      const version = head.version ?? options.version
      const put = { target, lasting: options.lasting, mayWait: options.mayWait?.(head) }
      const fields = { targets, version, state: stateOf(targets) }
      const changed = await this.put(head, fields, put)
      if (changed !== undefined) return changed
    }
    throw new Error(`Transaction ${id} was changed by others ${mostTries} times in a row.`)
  }

  /** A change that failed may have been made, and nobody would be told of it: then a `get` says for certain. */
  async #made(head: TransactionHead, change: () => Promise<boolean>): Promise<boolean> {
    try {
      return await change()
    } catch (error) {
      const found = await this.#options.store.get(head.id).catch(() => undefined)
      if (found !== undefined && textOf(found) === textOf(head)) return true
      throw error
    }
  }
}

function textOf(head: TransactionHead): string {
  return JSON.stringify({ ...head, version: head.version?.toString() })
}
