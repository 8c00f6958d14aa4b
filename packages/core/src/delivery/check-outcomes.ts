import { WalError } from '../errors.ts'
import { applied, type Outcome } from '../target/target.ts'
import { isFailureOutcome } from './classify-error.ts'

/**
 * What a target answered, checked: one outcome per record. Undefined means that all were applied.
 * Throws ERR_BAD_OUTCOMES if the number or the shape is wrong, since then nobody can tell which
 * outcome is whose.
 */
export function checkOutcomes(
  answer: unknown,
  records: number,
  targetName: string,
): readonly Outcome[] | undefined {
  if (answer === undefined) return undefined
  if (!Array.isArray(answer)) {
    throw badOutcomes(targetName, `answered ${typeof answer} instead of an array of outcomes`)
  }
  if (answer.length !== records) {
    throw badOutcomes(targetName, `answered ${answer.length} outcomes for ${records} records`)
  }
  for (const [index, outcome] of answer.entries()) {
    if (outcome !== applied && !isOutcome(outcome)) {
      throw badOutcomes(targetName, `answered something else than an outcome at index ${index}`)
    }
  }
  return answer
}

function isOutcome(value: unknown): value is Outcome {
  if (isFailureOutcome(value)) return true
  if (typeof value !== 'object' || value === null) return false
  const { status } = value as { readonly status?: unknown }
  return status === 'applied' || status === 'superseded'
}

function badOutcomes(targetName: string, what: string): WalError {
  return new WalError(
    'ERR_BAD_OUTCOMES',
    `Target '${targetName}' ${what}. apply() must resolve with one outcome per record, in their order, or with undefined if all were applied`,
  )
}
