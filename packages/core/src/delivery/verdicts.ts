import type { Attempt } from '../consumer/consumer.ts'
import type { HeldBack } from './classify-error.ts'
import type { Entry } from './entry.ts'

/** An attempt that failed and that another one follows. */
export interface Retry {
  readonly entry: Entry
  readonly attempt: Attempt
  readonly delayMs: number
}

/** A record that its target put off by itself. */
export interface HeldEntry {
  readonly entry: Entry
  readonly failure: HeldBack
  readonly delayMs: number
}

/** What an apply comes to for each of its records, gathered so that the queue is told once. */
export interface Verdicts {
  readonly applied: Entry[]
  readonly superseded: Entry[]
  /** They become dead letters. */
  readonly dead: Entry[]
  /** They go back into their lanes. */
  readonly back: Entry[]
  /** They spent their last attempt, and wait until it is clear whose fault that was. */
  readonly suspects: Entry[]
  /** Their leases are lost, and with them whatever came of them. */
  readonly lost: Entry[]
  /** They wait in their lanes, and have got attempts back. */
  readonly refunded: Entry[]
  readonly retries: Retry[]
  /** They go back as well: put off, for the first time or again. */
  readonly held: HeldEntry[]
}

/** Nothing decided yet. */
export function newVerdicts(): Verdicts {
  return {
    applied: [],
    superseded: [],
    dead: [],
    back: [],
    suspects: [],
    lost: [],
    refunded: [],
    retries: [],
    held: [],
  }
}
