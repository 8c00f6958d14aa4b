import { type Clock, sleep, systemClock } from '../clock.ts'
import type { WalRecord } from '../record.ts'
import { applied, type FailureOutcome, type Outcome, type Target } from '../target/target.ts'

/** What goes wrong, decided at each call. Leave out what does not. */
export interface TargetFaults<P> {
  /** An error with which `apply` rejects before the store has seen the batch. */
  readonly refuse?: (records: readonly WalRecord<P>[]) => unknown
  /** An error with which `apply` rejects although the store has applied the batch: a lost answer. */
  readonly loseAnswer?: (records: readonly WalRecord<P>[]) => unknown
  /** What is said of a record in place of applying it. */
  readonly fail?: (record: WalRecord<P>) => FailureOutcome | undefined
  /** True to apply the batch twice, as a client's own retry does. */
  readonly repeat?: (records: readonly WalRecord<P>[]) => boolean
  /** How long the batch takes to reach the store, in ms; cut short by the signal. */
  readonly delayMs?: (records: readonly WalRecord<P>[]) => number
  /** Default the machine's. */
  readonly clock?: Clock
}

/** The target with faults put between it and its caller, for tests of what they do to delivery. */
export function faultyTarget<P>(target: Target<P>, faults: TargetFaults<P>): Target<P> {
  return {
    ...membersOf(target),
    async apply(records, context) {
      const delayMs = faults.delayMs?.(records) ?? 0
      if (delayMs > 0) await sleep(faults.clock ?? systemClock, delayMs, context.signal)
      throwIfAny(faults.refuse?.(records))

      const failures = records.map((record) => faults.fail?.(record))
      const isSpared = (_: unknown, at: number): boolean => failures[at] === undefined
      const spared = records.filter(isSpared)
      const attempts = context.attempts.filter(isSpared)
      const applySpared = async (): Promise<readonly Outcome[]> =>
        (await target.apply(spared, { ...context, attempts })) ?? spared.map(() => applied)
      const outcomes = spared.length > 0 ? [...(await applySpared())] : []
      if (spared.length > 0 && faults.repeat?.(spared)) await applySpared()

      throwIfAny(faults.loseAnswer?.(records))
      return failures.map((failure) => failure ?? outcomes.shift() ?? applied)
    },
  }
}

/** The other members, bound: the target may be of a class. */
function membersOf<P>(target: Target<P>): Omit<Target<P>, 'apply'> {
  const { idempotency, ops, appliesInOrder, passesOn, guardsFields, largestBatch } = target
  return {
    ...{ idempotency, ops, appliesInOrder, passesOn, guardsFields, largestBatch },
    ...(target.validate && { validate: target.validate.bind(target) }),
    ...(target.read && { read: target.read.bind(target) }),
    ...(target.health && { health: target.health.bind(target) }),
    ...(target.remembersDeletesMs && {
      remembersDeletesMs: target.remembersDeletesMs.bind(target),
    }),
    ...(target.open && { open: target.open.bind(target) }),
    ...(target.close && { close: target.close.bind(target) }),
  }
}

function throwIfAny(error: unknown): void {
  if (error !== undefined) throw error
}
