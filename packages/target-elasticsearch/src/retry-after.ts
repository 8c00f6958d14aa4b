import type { Clock } from '@daybook/core'

/**
 * How long an answer asks to wait, in ms: its header `Retry-After` in seconds, or as a date. Undefined
 * where it has none, or none that can be read.
 */
export function retryAfterMs(headers: unknown, clock: Clock): number | undefined {
  const value = (headers as Readonly<Record<string, unknown>> | undefined)?.['retry-after']
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  if (/^\d+$/.test(text)) return Number(text) * 1_000
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock.now())
}
