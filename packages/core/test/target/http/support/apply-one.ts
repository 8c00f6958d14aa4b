import type { WalRecord } from '../../../../src/record.ts'
import type { HttpTargetOptions } from '../../../../src/target/http/http-options.ts'
import { httpTarget } from '../../../../src/target/http/http-target.ts'
import type { Outcome, Target } from '../../../../src/target/target.ts'
import { makeRecord } from '../../../../src/testing/index.ts'

/** What a target answers for records, as core would ask it. */
export async function applyTo(
  target: Target,
  records: readonly WalRecord[],
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly Outcome[]> {
  const attempts = records.map(() => 1)
  const context = { namespace: 'films', target: 'http', signal, attempts }
  return (await target.apply(records, context)) ?? []
}

/** What a target with these options answers for one record. */
export async function applyOne(
  options: HttpTargetOptions,
  record: Partial<WalRecord> = {},
): Promise<Outcome> {
  const [outcome] = await applyTo(httpTarget(options), [makeRecord(record)])
  if (outcome === undefined) throw new Error('it answered no outcome')
  return outcome
}
