import { shown } from '../error-text.ts'
import { WalError } from '../errors.ts'

/** Milliseconds, seconds, minutes, hours, days of 24 hours. */
export type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd'
/** Bytes, and 1,024 of the one before. */
export type SizeUnit = 'b' | 'kb' | 'mb' | 'gb'

/** A span of time: milliseconds as a number, or a number with a unit, such as `'200ms'`, `'1.5h'`. */
export type Duration = number | `${number}${DurationUnit}`

/** An amount of bytes: a number, or a number with a unit, such as `'64mb'`; 1 kb is 1,024 bytes. */
export type Size = number | `${number}${SizeUnit}`

const msPer: Readonly<Record<DurationUnit, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const bytesPer: Readonly<Record<SizeUnit, number>> = {
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
}

/** Milliseconds of a duration. Throws `ERR_INVALID_DURATION` unless it is finite and not negative. */
export function durationMs(duration: Duration): number {
  const ms = typeof duration === 'number' ? duration : parse(duration, msPer)
  if (typeof ms === 'number' && Number.isFinite(ms) && ms >= 0) return ms
  throw new WalError(
    'ERR_INVALID_DURATION',
    `${shown(duration)} is not a duration: give milliseconds as a number, or a number with one of the units ms, s, m, h, d, such as '200ms' or '5m'`,
  )
}

/** Bytes of a size. Throws `ERR_INVALID_SIZE` unless it is a whole number above 0. */
export function sizeBytes(size: Size): number {
  const bytes = typeof size === 'number' ? size : parse(size, bytesPer)
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw new WalError(
    'ERR_INVALID_SIZE',
    `${shown(size)} is not a size: give whole bytes as a number, or a number with one of the units b, kb, mb, gb, such as '64mb'`,
  )
}

function parse(text: unknown, units: Readonly<Record<string, number>>): number | undefined {
  const match = typeof text === 'string' ? /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(text) : null
  const unit = units[match?.[2] ?? '']
  return match && unit !== undefined ? Number(match[1]) * unit : undefined
}

/** True for `{ perSecond }` with a number above 0, and nothing else in it. */
export function isRate(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('perSecond' in value)) return false
  const { perSecond, ...others } = value
  const isNumber = typeof perSecond === 'number' && Number.isFinite(perSecond)
  return isNumber && perSecond > 0 && Object.keys(others).length === 0
}
