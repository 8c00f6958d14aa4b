import { type FetchPayloads, fetchingTarget, type Target, type WalRecord } from '@daybook/core'
import type { TargetSubject } from '@daybook/core/testing'
import type { Service } from '@daybook/services'
import { type RedisClient, type RedisTargetOptions, redisTarget } from '../../src/index.ts'

export interface Film {
  readonly title?: string
  readonly year?: number
  readonly note?: bigint
}

export const films = {
  put: (key: string, number: number): Film => ({ title: `${key} ${number}`, year: 1900 + number }),
  patch: (_key: string, number: number): Film =>
    number % 2 === 0 ? { year: 2000 + number } : { title: `patched ${number}` },
  refused: (): Film => ({ note: 1n }),
  patchesCommute: true,
  patchOfNothing: 'nothing' as const,
}

let subjects = 0

/** A target over keys of its own, so that nothing has to be emptied. */
export function subject(
  server: Service,
  client: RedisClient,
  options: Partial<RedisTargetOptions<Film>> = {},
): TargetSubject<Film> {
  const prefix = `subject ${++subjects}`
  const key = (name: string): string => `${prefix}:${name}`
  const target = redisTarget<Film>({ client, key, ...options })
  return {
    target,
    // What any other client would see.
    read: async (name) => {
      const text = await client.get(key(name))
      return text === null ? undefined : JSON.parse(`${text}`)
    },
    stall: async () => {
      server.pause()
      return () => server.resume()
    },
  }
}

/** The same with records that carry no value: it is fetched from what was written so far. */
export function fetchingSubject(server: Service, client: RedisClient): TargetSubject<Film> {
  const source = new Source()
  const { target, ...rest } = subject(server, client)
  const fetching = fetchingTarget(target, source.fetch)
  const apply: Target<Film>['apply'] = (records, context) => {
    for (const record of records) source.write(record)
    const bare = records.map((record) => ({ ...record, payload: undefined }))
    return fetching.apply(bare as typeof records, context)
  }
  return { ...rest, target: { ...(fetching as Target<Film>), apply } }
}

/** Where the values are: a store that has every change before its record is applied. */
class Source {
  readonly #changes = new Map<string, Map<bigint, WalRecord<Film>>>()

  readonly fetch: FetchPayloads<Film> = async (keys) =>
    new Map(keys.flatMap((key) => this.#valueOf(key) ?? []))

  write(record: WalRecord<Film>): void {
    const { key = '', version } = record
    const changes = this.#changes.get(key) ?? new Map()
    this.#changes.set(key, changes.set(version, record))
  }

  #valueOf(key: string): [[string, Film]] | undefined {
    const changes = [...(this.#changes.get(key)?.values() ?? [])]
    let value: Film | undefined
    for (const { op, payload } of changes.sort((a, b) => (a.version < b.version ? -1 : 1))) {
      if (op === 'patch') value = { ...value, ...payload }
      else value = op === 'put' ? payload : undefined
    }
    return value && [[key, value]]
  }
}
