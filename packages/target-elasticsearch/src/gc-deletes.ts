import type { ElasticsearchCalls } from './elasticsearch-calls.ts'
import type { ElasticsearchSettings } from './elasticsearch-options.ts'

/** Default of `index.gc_deletes`. Source: Elasticsearch reference, "Index modules". */
const usualMs = 60_000

/**
 * How long the store remembers the versions of what was deleted, in ms; the shortest of the indices
 * behind an alias. Undefined where it never forgets. Of indices that a function names the default is told.
 */
export async function gcDeletesMs<P>(
  { index }: ElasticsearchSettings<P>,
  calls: ElasticsearchCalls<P>,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (typeof index !== 'string') return usualMs
  const values = await calls.indexSetting(index, 'index.gc_deletes', signal)
  if (values.length === 0) return usualMs
  const shortest = Math.min(...values.map(timeMs))
  return Number.isFinite(shortest) ? shortest : undefined
}

const unitMs: Readonly<Record<string, number>> = {
  nanos: 1e-6,
  micros: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** A time as the store writes it: `60s`, `1.5h`, and -1 for no end. What cannot be read counts as none. */
function timeMs(text: string): number {
  if (text === '-1') return Number.POSITIVE_INFINITY
  const [, count, unit = 'ms'] = /^(\d+(?:\.\d+)?)([a-z]+)?$/.exec(text) ?? []
  return count === undefined ? 0 : Number(count) * (unitMs[unit] ?? 0)
}
