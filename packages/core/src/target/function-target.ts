import { ConfigError } from '../config/config-error.ts'
import { checkOptionNames } from '../config/option-names.ts'
import type { WalRecord } from '../record.ts'
import { type ApplyBatch, type ApplyContext, applied, type Outcome, type Target } from './target.ts'

/** What {@link defineTarget} takes beside the function: any of a target's optional members. */
export type TargetOptions<P> = Partial<Omit<Target<P>, 'apply'>>

/** Applies one record; resolves with its outcome, or with nothing if it was applied. */
export type ApplyOne<P> = (
  record: WalRecord<P>,
  context: ApplyContext,
) => Promise<Outcome | undefined | void>

/**
 * Makes a target of a function. Its idempotency is `'none'` unless `options` says otherwise. Throws `ConfigError` for what is
 * no function, and for options that are unknown; their values are checked where the target is used.
 *
 * @example
 * const cleanup = defineTarget<Cleanup>(async (records, { signal }) => {
 *   await storage.deleteAll(records, { signal })
 * })
 */
export function defineTarget<P = unknown>(
  apply: ApplyBatch<P>,
  options: TargetOptions<P> = {},
): Target<P> {
  checkParts('defineTarget', apply, options)
  return { idempotency: 'none', ...options, apply }
}

/**
 * Makes a target of a function that takes one record at a time: its batches hold one record, and
 * as many run at once as the namespace's `concurrency` says.
 */
defineTarget.each = function each<P = unknown>(
  apply: ApplyOne<P>,
  options: TargetOptions<P> = {},
): Target<P> {
  checkParts('defineTarget.each', apply, options)
  return {
    idempotency: 'none',
    ...options,
    largestBatch: { maxRecords: 1 },
    async apply(records, context) {
      const outcomes: Outcome[] = []
      for (const record of records) outcomes.push((await apply(record, context)) ?? applied)
      return outcomes
    },
  }
}

const names: readonly (keyof TargetOptions<unknown>)[] = [
  ...([
    'idempotency',
    'ops',
    'appliesInOrder',
    'passesOn',
    'guardsFields',
    'largestBatch',
  ] as const),
  ...(['validate', 'read', 'health', 'remembersDeletesMs', 'open', 'close'] as const),
]

function checkParts(name: string, apply: unknown, options: unknown): void {
  if (typeof apply !== 'function') {
    throw new ConfigError([{ path: `${name}.apply`, reason: 'must be a function' }])
  }
  checkOptionNames(name, options, names)
}
