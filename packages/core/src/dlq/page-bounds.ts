import { WalError } from '../errors.ts'
import type { DeadLetterPageOptions } from './dlq.ts'

/** Letters of a page, unless told. */
const defaultLimit = 100

/** Most letters of a page. */
const largestLimit = 1000

/** Where a page begins, behind the letter of this number (0: at the first), and how long it may be. */
export interface PageBounds {
  readonly after: number
  readonly limit: number
}

/**
 * The bounds of a page whose place is a letter's number. Throws `ERR_INVALID_SELECTION` for a limit
 * out of range, and for an `after` that no page gave.
 */
export function pageBoundsOf({ after, limit }: DeadLetterPageOptions): PageBounds {
  if (limit !== undefined && !isLimit(limit)) {
    throw invalid(`A page of dead letters has ${limit} as limit; it must be ${limitMust}.`)
  }
  const number = Number(after ?? 0)
  if (after === '' || !Number.isSafeInteger(number) || number < 0) {
    throw invalid(
      `'${String(after).slice(0, 80)}' is not the \`next\` of a page of dead letters. Pass on what the page before gave.`,
    )
  }
  return { after: number, limit: limit ?? defaultLimit }
}

/** True for what a page may have as limit. */
export function isLimit(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= largestLimit
}

/** The words for it. */
export const limitMust = 'a whole number from 1 to 1,000'

function invalid(message: string): WalError {
  return new WalError('ERR_INVALID_SELECTION', message)
}
