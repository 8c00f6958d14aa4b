import { ConfigError, type ConfigIssue } from '@daybook/core'
import type { Mark } from './document-source.ts'
import type { ElasticsearchCalls, IndexMapping } from './elasticsearch-calls.ts'
import type { ElasticsearchSettings } from './elasticsearch-options.ts'

function markPartsOf({ patch }: { readonly patch?: unknown }): readonly (keyof Mark)[] {
  const parts = ['version', 'deleted', 'deletedAt'] as const
  return patch === undefined ? parts : [...parts, 'patched']
}

/**
 * Rejects with `ERR_CONFIG` where the index cannot take what the target adds to documents: it would
 * refuse delete after delete, each for good. Of several indices behind a name one that can will do:
 * which of them is written to is not known here. Rejects too where the store cannot be asked.
 */
export async function checkFit<P>(
  settings: ElasticsearchSettings<P>,
  calls: ElasticsearchCalls<P>,
): Promise<void> {
  const { index, tombstones } = settings
  if (typeof index !== 'string' || !tombstones) return
  const mappings = await calls.mappings(index, new AbortController().signal)
  const found = mappings.map((mapping) => misfits(settings, mapping))
  const [issues = []] = found
  if (found.every(({ length }) => length > 0) && issues.length > 0) throw new ConfigError(issues)
}

function misfits<P>(
  { index, patch, markField }: ElasticsearchSettings<P>,
  mapping: IndexMapping,
): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = []
  const { enabled, mode } = mapping._source ?? {}
  if (patch !== undefined && (String(enabled) === 'false' || mode === 'disabled')) {
    const reason = `the index "${index}" keeps no _source, and a patch is merged into what that holds`
    issues.push({ path: 'elasticsearchTarget.patch', reason })
  }
  const markParts = markPartsOf({ patch })
  const fault = markFault(mapping, markField, markParts)
  if (fault !== undefined) {
    const reason = `the index "${index}" ${fault}. Map it as an object with ${markParts.join(', ')}`
    issues.push({ path: 'elasticsearchTarget.markField', reason })
  }
  return issues
}

/** Only what is certain: the store itself knows best. */
function markFault(
  { dynamic, properties }: IndexMapping,
  markField: string,
  markParts: readonly (keyof Mark)[],
): string | undefined {
  const field = properties?.[markField]
  if (field === undefined) {
    return dynamic === 'strict' ? `is strict, and lacks the field "${markField}"` : undefined
  }
  const { type = 'object', enabled } = field
  if (type === 'flattened' || String(enabled) === 'false') return undefined
  if (type !== 'object' && type !== 'nested') return `maps the field "${markField}" as ${type}`
  const missing = markParts.filter((part) => field.properties?.[part] === undefined)
  const isStrict = (field.dynamic ?? dynamic) === 'strict'
  return isStrict && missing.length > 0
    ? `is strict, and lacks ${missing.map((part) => `"${markField}.${part}"`).join(', ')}`
    : undefined
}
