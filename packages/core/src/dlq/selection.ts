import { isRate } from '../config/quantity.ts'
import { shown } from '../error-text.ts'
import { WalError } from '../errors.ts'
import type { DeadLetterFilter, DeadLetterPageOptions } from './dlq.ts'
import { isLimit, limitMust } from './page-bounds.ts'

/** Letters by name. An empty list names none. */
export interface DeadLetterIds {
  readonly ids: readonly string[]
}

/**
 * Which letters are meant: named ones, those that match a filter with at least one condition, or
 * `'all'` there are at the call. Anything else is refused with `ERR_INVALID_SELECTION`: a
 * condition that is misspelt or undefined must not select everything.
 */
export type DeadLetterSelection<Name extends string = string> =
  | DeadLetterIds
  | DeadLetterFilter<Name>
  | 'all'

/** What an option has to be: a test, and the words for it. */
interface Shape {
  readonly is: (value: unknown) => boolean
  readonly must: string
}

type Shapes = Readonly<Record<string, Shape>>

const text: Shape = { is: (value) => typeof value === 'string', must: 'a string' }
const instant: Shape = { is: Number.isFinite, must: 'a number of ms since the Unix epoch' }

const conditions: Shapes = { target: text, key: text, code: text, since: instant, until: instant }

const paging: Shapes = {
  ...conditions,
  after: text,
  limit: { is: isLimit, must: limitMust },
}

const named: Shapes = {
  ids: {
    is: (value) => Array.isArray(value) && value.every(text.is),
    must: 'an array of the ids of letters',
  },
}

const redriving: Shapes = {
  edit: { is: (value) => typeof value === 'function', must: 'a function' },
  dryRun: { is: (value) => typeof value === 'boolean', must: 'true or false' },
  rate: { is: isRate, must: '{ perSecond }, with a number above 0' },
  signal: { is: (value) => value instanceof AbortSignal, must: 'an AbortSignal' },
  onProgress: { is: (value) => typeof value === 'function', must: 'a function' },
}

/** The same selection, if it is one. Throws `ERR_INVALID_SELECTION` before any letter is touched. */
export function checkSelection(selection: DeadLetterSelection): DeadLetterSelection {
  if (selection === 'all') return selection
  if (typeof selection !== 'object' || selection === null) {
    throw invalid(`${shown(selection)} selects no dead letters: ${advice}`)
  }
  if ('ids' in selection) {
    checkOptions('A selection by ids', selection, named)
    if (selection.ids === undefined) throw invalid(`The ids selected are undefined: ${advice}`)
    return selection
  }
  checkOptions('A selection of dead letters', selection, conditions)
  if (Object.values(selection).some((value) => value !== undefined)) return selection
  throw invalid(`A selection without a condition would mean every dead letter: ${advice}`)
}

/** The same filter, if it holds only conditions. One without any means every letter. */
export function checkFilter(filter: DeadLetterFilter): DeadLetterFilter {
  checkOptions('A filter of dead letters', filter, conditions)
  return filter
}

/** The same options, if a page of letters can be read by them. */
export function checkPageOptions(options: DeadLetterPageOptions): DeadLetterPageOptions {
  checkOptions('A page of dead letters', options, paging)
  return options
}

/** Refuses a redrive whose options are misspelt: a `dryrun` must not change anything. */
export function checkRedriveOptions(options: object): void {
  checkOptions('A redrive', options, redriving)
}

const advice = `give { ids }, a filter by one or more of ${Object.keys(conditions).join(', ')}, or 'all'`

function checkOptions(what: string, options: object, shapes: Shapes): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid(`${what} takes an object, not ${shown(options)}.`)
  }
  for (const [name, value] of Object.entries(options)) {
    const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined
    if (shape === undefined) {
      const known = Object.keys(shapes).join(', ')
      throw invalid(`${what} knows no '${name}'; what can be given is ${known}. Nothing was done.`)
    }
    if (value !== undefined && !shape.is(value)) {
      throw invalid(`${what} has ${shown(value)} as ${name}; it must be ${shape.must}.`)
    }
  }
}

function invalid(message: string): WalError {
  return new WalError('ERR_INVALID_SELECTION', message)
}
