import type { WalRecord } from '../record.ts'
import type { ApplyContext, HeldOutcome, Outcome, Target } from '../target/target.ts'

/** Stands before a target, and looks at each record that it is given. */
export interface Guard {
  /** Called before records are looked at. What it rejects with is for core to take, as from the target. */
  ready?(signal: AbortSignal): Promise<void>
  /** What becomes of the record; undefined: it is given to the target. */
  verdict(record: WalRecord): Outcome | undefined
  /** As what the target is given it. */
  as?(record: WalRecord): WalRecord
  /** See `ApplyContext`. */
  readonly isPeer?: boolean
  /** What `Target.appliesInOrder` is to be. Default: the target's own. */
  readonly appliesInOrder?: Target['appliesInOrder']
  /** What the target has said of it; undefined for applied. */
  told?(record: WalRecord, outcome: Outcome | undefined): void
}

/** The target with a guard before it: in everything else the same. */
export function guarded(target: Target, guard: Guard): Target {
  const { idempotency, ops, passesOn, guardsFields, largestBatch } = target
  const { appliesInOrder = target.appliesInOrder } = guard
  return {
    ...{ idempotency, ops, appliesInOrder, passesOn, guardsFields, largestBatch },
    apply: (records, context) => apply(target, guard, records, context),
    ...(target.validate && { validate: (record) => target.validate?.(record) }),
    ...(target.read && { read: target.read.bind(target) }),
    ...(target.health && { health: target.health.bind(target) }),
    ...(target.remembersDeletesMs && {
      remembersDeletesMs: target.remembersDeletesMs.bind(target),
    }),
    open: async () => target.open?.(),
    close: async () => target.close?.(),
  }
}

async function apply(
  target: Target,
  guard: Guard,
  records: readonly WalRecord[],
  context: ApplyContext,
): Promise<readonly Outcome[] | undefined | void> {
  await guard.ready?.(context.signal)
  const verdicts = verdictsOf(guard, records)
  const going = records.filter((_, index) => verdicts[index] === undefined)
  if (going.length === 0) return verdicts as readonly Outcome[]
  const attempts = context.attempts.filter((_, index) => verdicts[index] === undefined)
  const given = guard.as === undefined ? going : going.map((record) => guard.as?.(record) ?? record)
  const { isPeer } = guard
  const outcomes = await target.apply(given, { ...context, attempts, isPeer })
  // What is no answer at all is for core to find out.
  if (outcomes !== undefined && outcomes?.length !== going.length) return outcomes
  for (const [index, record] of given.entries()) guard.told?.(record, outcomes?.[index])
  if (going.length === records.length) return outcomes
  const answered = outcomes?.values()
  return verdicts.map((verdict) => verdict ?? answered?.next().value ?? { status: 'applied' })
}

/** Behind a record that is held the later ones of its key wait, too. */
function verdictsOf(guard: Guard, records: readonly WalRecord[]): (Outcome | undefined)[] {
  const heldKeys = new Map<string, HeldOutcome>()
  return records.map((record) => {
    const before = record.key === undefined ? undefined : heldKeys.get(record.key)
    const verdict = before ?? guard.verdict(record)
    if (verdict?.status === 'held' && record.key !== undefined) heldKeys.set(record.key, verdict)
    return verdict
  })
}
