import { isRate } from '../config/quantity.ts'
import { shown } from '../error-text.ts'
import { WalError } from '../errors.ts'
import type { PastPlace, PastRange } from '../queue/past.ts'
import type { ReplayOptions } from './replay.ts'

type Check = readonly [is: (value: unknown) => boolean, must: string]

const isText = (value: unknown): boolean => typeof value === 'string'
const isFlag = (value: unknown): boolean => typeof value === 'boolean'
const isFunction = (value: unknown): boolean => typeof value === 'function'
const place: Check = [
  (value) => placeOf(value) !== undefined,
  "a Date, ms since the Unix epoch, an ISO 8601 text, or a report's { position }",
]

const checks: Readonly<Record<keyof ReplayOptions, Check>> = {
  target: [isText, 'the name of a target'],
  from: place,
  to: place,
  omit: [isFunction, 'a function'],
  delayed: [isFlag, 'true or false'],
  force: [isFlag, 'true or false'],
  restamp: [isFlag, 'true or false'],
  dryRun: [isFlag, 'true or false'],
  rate: [isRate, '{ perSecond }, with a number above 0'],
  signal: [(value) => value instanceof AbortSignal, 'an AbortSignal'],
  onProgress: [isFunction, 'a function'],
}

/** The range meant. Throws `ERR_INVALID_REPLAY` for what is misspelt: a `dryrun` must not send anything. */
export function checkReplay(options: ReplayOptions): PastRange {
  if (typeof options !== 'object' || options === null) {
    throw invalid(`A replay takes an object with a target, not ${shown(options)}.`)
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name as keyof ReplayOptions] : undefined
    if (check === undefined) {
      const known = Object.keys(checks).join(', ')
      throw invalid(`A replay knows no '${name}'; what can be given is ${known}.`)
    }
    const [is, must] = check
    if (value !== undefined && !is(value)) {
      throw invalid(`A replay has ${shown(value)} as ${name}; it must be ${must}.`)
    }
  }
  const from = options.from === undefined ? undefined : placeOf(options.from)
  const to = options.to === undefined ? undefined : placeOf(options.to)
  if (from && to && 'at' in from && 'at' in to && from.at >= to.at) {
    throw invalid('A replay ends where or before it begins: `to` must be later than `from`.')
  }
  return { from, to }
}

function placeOf(value: unknown): PastPlace | undefined {
  if (typeof value === 'object' && value !== null && 'position' in value) {
    const { position } = value
    return typeof position === 'string' ? { position } : undefined
  }
  const isInstant = value instanceof Date || typeof value === 'number'
  const at = isInstant ? Number(value) : typeof value === 'string' ? Date.parse(value) : Number.NaN
  // What Date can express; what lies beyond is a mistake of units.
  return Number.isNaN(new Date(at).getTime()) ? undefined : { at }
}

function invalid(message: string): WalError {
  return new WalError('ERR_INVALID_REPLAY', `${message} Nothing was sent.`)
}
