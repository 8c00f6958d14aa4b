import type { TargetSubject } from '@daybook/core/testing'
import type { Client } from '@elastic/elasticsearch'
import { type ElasticsearchTargetOptions, elasticsearchTarget } from '../src/index.ts'

/** The payloads that the suites write. */
export interface Film {
  readonly title: string
  readonly year: number
}

/** Which node, and which of its indices. */
export interface Place {
  readonly client: Client
  readonly index: string
}

let subjects = 0

/** A target over a part of an index that nobody else uses: ids under a prefix of their own. */
export function subjectOn(
  { client, index }: Place,
  options: Partial<ElasticsearchTargetOptions<Film>> = {},
): TargetSubject<Film> {
  const prefix = `${++subjects}/`
  const id = ({ key }: { readonly key: string | undefined }): string => `${prefix}${key}`
  const target = elasticsearchTarget<Film>({ client, index, id, ...options })
  return { target, read: (key) => read({ client, index }, `${prefix}${key}`) }
}

/** What the store holds under an id, by the client alone: without marks, and nothing for a tombstone. */
async function read({ client, index }: Place, id: string): Promise<unknown> {
  const { docs } = await client.mget<Record<string, unknown>>({ index, ids: [id] })
  const [document] = docs
  if (document === undefined || !('found' in document) || !document.found) return undefined
  const { daybook, ...fields } = document._source ?? {}
  return (daybook as { deleted?: boolean } | undefined)?.deleted ? undefined : fields
}

/** Payloads for the target suite, and one that no index of films takes. */
export const films = {
  put: (key: string, number: number): Film => ({
    title: `${key}, part ${number}`,
    year: 1900 + number,
  }),
  patch: (_key: string, number: number): Partial<Film> =>
    number % 2 === 0 ? { year: 2000 + number } : { title: `patched ${number}` },
  refused: (key: string): Film => ({ title: key, year: 'soon' as unknown as number }),
  patchesCommute: true,
  patchOfNothing: 'row' as const,
}

/** Mappings of an index of films: a year has to be a whole number. */
export const filmMappings = {
  properties: { title: { type: 'keyword' }, year: { type: 'integer' } },
} as const
