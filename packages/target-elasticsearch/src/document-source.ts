import {
  type FailureOutcome,
  type PatchRecord,
  type PutRecord,
  permanent,
  transient,
  type WalRecord,
} from '@daybook/core'
import type { ElasticsearchSettings } from './elasticsearch-options.ts'

type Fields = Readonly<Record<string, unknown>>

/** The fields of a put or a patch, or why it cannot be applied. */
export function fieldsOf<P>(
  { document, markField, tombstones }: ElasticsearchSettings<P>,
  record: PutRecord<P> | PatchRecord<P>,
): { readonly fields: Fields } | FailureOutcome {
  let fields: unknown
  try {
    fields = document === undefined ? record.payload : document(record)
  } catch (cause) {
    const { message = String(cause) } = (cause ?? {}) as Partial<Error>
    return transient('document_failed', `The option document threw: ${message}`, { cause })
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    const what = fields === null ? 'null' : Array.isArray(fields) ? 'an array' : typeof fields
    return permanent('not_a_document', `A document is an object, and this is ${what}`)
  }
  if (tombstones && Object.hasOwn(fields, markField)) {
    return permanent('reserved_field', `The field "${markField}" is the target's own (markField)`)
  }
  return { fields: fields as Fields }
}

/** A document as it is sent, on one line, or why that cannot be. */
export function sourceOf(fields: Fields): { readonly source: string } | FailureOutcome {
  try {
    const source = JSON.stringify(fields)
    if (source?.startsWith('{')) return { source }
    return permanent('not_a_document', 'A document is an object, and this is none in JSON')
  } catch (cause) {
    return permanent('not_serializable', `No JSON: ${(cause as Error).message}`, { cause })
  }
}

/** What stands in the mark of a document. The version is digits: a number of JSON ends at 2^53. */
export interface Mark {
  readonly version?: string
  readonly deleted?: boolean
  readonly deletedAt?: string
  /** What patches have set since the last put or delete, as JSON in a text, that the mapping does not grow by it. */
  readonly patched?: string
}

/** The mark of a tombstone: which delete it was, and when that was written. */
export function tombstoneMark({ version, writtenAt }: WalRecord): Mark {
  const deletedAt = new Date(writtenAt).toISOString()
  return { version: version.toString(), deleted: true, deletedAt }
}
