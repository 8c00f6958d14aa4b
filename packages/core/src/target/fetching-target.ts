import { WalError } from '../errors.ts'
import type { WalRecord } from '../record.ts'
import { applied, type Outcome, permanent, type Target } from './target.ts'

/**
 * Gets the present values of keys, all at once: a map from key to value, from which a key that is
 * not there (any more) is left out. It has to see every change whose record is in the log: so
 * read where the writer wrote, not from a replica that lags. It is not retried: a rejection is
 * classified like one of the target itself, so that a source that is down is an outage.
 */
export type FetchPayloads<P> = (
  keys: readonly string[],
  options: { readonly signal: AbortSignal },
) => Promise<ReadonlyMap<string, P>>

/**
 * A target whose records carry the key alone: what is put is fetched as it is applied. Records of a
 * key in one batch become one fetch and one put, with the newest version, and have its outcome:
 * the value holds what all of them changed. A put or patch of a key that the source does not have
 * removes it; a delete fetches nothing.
 *
 * The value that stays is the one fetched for the record with the highest version. It holds every
 * change as long as two things are so:
 *
 * - each change is in the source before its record is written;
 * - a key's versions are in the order in which its records are written. Within one process they are. Among
 *   several, clocks differ: let a key have one producer at a time, or pass as `after` the version that
 *   the record before was given. Else a change whose record gets the lower version, though it was made
 *   later, is not in the value that stays, until the key is written again.
 *
 * A fetched value may be newer than its record; the record of what made it newer follows, and fetches again.
 * Deletes are remembered for good, by the source: an old record brings nothing back that it lacks.
 *
 * @param target where values are put; it has to guard by version, and to take puts and deletes
 * @throws WalError `ERR_CONFIG` if it does not
 *
 * @example
 * const cache = fetchingTarget(redisTarget<Title>({ client }), (ids) => database.titles(ids))
 */
export function fetchingTarget<P>(target: Target<P>, fetch: FetchPayloads<P>): Target<unknown> {
  checkParts(target, fetch)
  const { health, read } = target
  return {
    idempotency: 'version',
    // Of a key there is one change for all of its records; the target may apply those of different keys as it likes.
    appliesInOrder: 'key',
    largestBatch: target.largestBatch,
    async apply(records, context) {
      const newest = newestByKey(records)
      const keys = [...newest].filter(([, { op }]) => op !== 'delete').map(([key]) => key)
      const values =
        keys.length > 0 ? await fetch(keys, { signal: context.signal }) : new Map<string, P>()
      const changes = [...newest].map(([key, record]) => changeOf(record, values.get(key)))
      if (changes.length === 0) return records.map(() => keyless)
      const attempts = [...newest.values()].map(
        (record) => context.attempts[records.indexOf(record)] ?? 1,
      )
      const outcomes = await target.apply(changes, { ...context, attempts })
      const byKey = new Map(
        [...newest.keys()].map((key, at) => [key, outcomes ? outcomes[at] : applied]),
      )
      // Where the target answered for too few, core has to see that.
      return records.map(({ key }) => (key === undefined ? keyless : (byKey.get(key) as Outcome)))
    },
    /** The payload is not there yet, so only the key can be looked at. */
    validate: (record) =>
      record.key === undefined
        ? keyless.message
        : target.validate?.({ ...record, op: 'delete', payload: undefined }),
    ...(read && { read: read.bind(target) }),
    ...(health && { health: health.bind(target) }),
    open: async () => target.open?.(),
    close: async () => target.close?.(),
  }
}

const keyless = permanent('no_key', 'A record whose value is fetched needs a key.')

function checkParts(target: Target<never>, fetch: unknown): void {
  const wrong = (reason: string): WalError =>
    new WalError('ERR_CONFIG', `fetchingTarget: ${reason}.`)
  if (typeof fetch !== 'function') throw wrong('`fetch` must be a function from keys to a map')
  if (typeof target?.apply !== 'function') throw wrong('the first argument must be a target')
  if (target.idempotency !== 'version') {
    throw wrong('the target must guard by version, or a value fetched early could stay')
  }
  const ops = target.ops ?? ['put', 'delete']
  if (!ops.includes('put') || !ops.includes('delete')) {
    throw wrong('the target must take puts and deletes')
  }
}

function newestByKey(records: readonly WalRecord[]): Map<string, WalRecord> {
  const newest = new Map<string, WalRecord>()
  for (const record of records) {
    if (record.key === undefined) continue
    const other = newest.get(record.key)
    if (other === undefined || record.version > other.version) newest.set(record.key, record)
  }
  return newest
}

function changeOf<P>(record: WalRecord, value: P | undefined): WalRecord<P> {
  return record.op === 'delete' || value === undefined
    ? { ...record, op: 'delete', payload: undefined }
    : { ...record, op: 'put', payload: value }
}
