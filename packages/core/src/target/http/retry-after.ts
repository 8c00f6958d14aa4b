import type { Clock } from '../../clock.ts'

/** The parser of dates takes nearly anything for one. Source: RFC 9110, section 5.6.7. */
const dateForm = /^[A-Z][a-z]{2,8},? .*\d\d:\d\d:\d\d/

/**
 * How long `Retry-After` asks to wait, in ms: it holds seconds, or a date, which is taken from the
 * answer's own `Date` where there is one, as clocks differ. Undefined for anything else.
 */
export function retryAfterMsOf(
  headers: { get(name: string): string | null },
  clock: Clock,
): number | undefined {
  const text = headers.get('retry-after')?.trim()
  if (text === undefined || text === '') return undefined
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const until = dateForm.test(text) ? Date.parse(text) : Number.NaN
  const date = Date.parse(headers.get('date') ?? '')
  const now = Number.isNaN(date) ? clock.now() : date
  return Number.isNaN(until) ? undefined : Math.max(0, until - now)
}
