import { ConfigError, type ConfigIssue } from '@daybook/core'
import type { ElasticsearchCalls } from './elasticsearch-calls.ts'
import type { ElasticsearchSettings } from './elasticsearch-options.ts'

/** The store's word for no pipeline. */
const noPipeline = '_none'

/**
 * Rejects with `ERR_CONFIG` where what every record needs, and the target does not make, is missing: an
 * alias that is required, a pipeline by name. Rejects too where the store cannot be asked.
 */
export async function checkSetUp<P>(
  { index, requireAlias, pipeline }: ElasticsearchSettings<P>,
  calls: ElasticsearchCalls<P>,
  signal: AbortSignal,
): Promise<void> {
  const issues: ConfigIssue[] = []
  if (requireAlias && typeof index === 'string') {
    const isThere = await calls.exists(`/_alias/${encoded(index)}`, 'indices.get_alias', signal)
    if (!isThere) issues.push(missingAlias(index))
  }
  if (typeof pipeline === 'string' && pipeline !== noPipeline) {
    const path = `/_ingest/pipeline/${encoded(pipeline)}`
    if (!(await calls.exists(path, 'ingest.get_pipeline', signal))) {
      issues.push(missingPipeline(pipeline))
    }
  }
  if (issues.length > 0) throw new ConfigError(issues)
}

function missingAlias(index: string): ConfigIssue {
  const example = `PUT /${index}-1 with { "aliases": { "${index}": { "is_write_index": true } } }`
  const reason = `there is no alias "${index}", and none is made here. Make an index that has it: ${example}`
  return { path: 'elasticsearchTarget.requireAlias', reason }
}

function missingPipeline(pipeline: string): ConfigIssue {
  const example = `PUT /_ingest/pipeline/${pipeline}`
  const reason = `there is no pipeline "${pipeline}". Make it: ${example}`
  return { path: 'elasticsearchTarget.pipeline', reason }
}

const encoded = encodeURIComponent
