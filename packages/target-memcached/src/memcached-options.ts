import { type FetchPayloads, WalError, type WalRecord } from '@daybook/core'
import {
  MemcacheClientConnection,
  type SingleMemcacheClient,
} from './memcache-client-connection.ts'
import { type MemcacheClient, MemcacheConnection } from './memcache-connection.ts'
import type { MemcachedConnection } from './memcached-connection.ts'

/** How {@link memcachedTarget} is set up. */
export interface MemcachedTargetOptions<P = unknown> {
  /**
   * A `Memcache` of the package `memcache`, with any number of servers; a `MemcacheClient` of
   * `memcache-client`, with one; or a {@link MemcachedConnection} of your own. It is yours: the target
   * does not close it.
   */
  readonly client: MemcacheClient | SingleMemcacheClient | MemcachedConnection
  /** The memcached key of a record's key; default the same. White space, control characters and `%` become `%20` and the like. */
  readonly key?: ((key: string) => string) | undefined
  /**
   * The text or bytes that are stored for a payload, behind its version. Default JSON. One that throws
   * makes the record a dead letter. `read` gives what is stored as it is then.
   */
  readonly value?: ((payload: P, record: WalRecord<P>) => string | Uint8Array) | undefined
  /**
   * How long a value, and its version, stays once it is applied, in ms, up to 30 days: for all, or
   * of each record, undefined for ever. Whole seconds, rounded up. Zero or less means that it is over
   * already, and the key is deleted. Default for ever.
   */
  readonly ttlMs?: number | ((record: WalRecord<P>) => number | undefined) | undefined
  /**
   * How long a deleted key's version is kept, in ms, 1,000 to 30 days; default 7 days. An older change
   * that comes later than that would bring the value back: longer than the longest lag.
   */
  readonly tombstoneMs?: number | undefined
  /**
   * What a patch does. `'merge'`: sets the fields it names in the JSON that is held, if any is held, each with
   * a version of its own, so that puts, patches and deletes come to the same in any order.
   * `'remove'`: removes the value, for the next reader to fill in. Default: patches are refused at `write`.
   */
  readonly patch?: 'merge' | 'remove' | undefined
  /**
   * Gets the present values of keys as records of them are applied, so that these carry the key
   * alone. See {@link FetchPayloads}, and `fetchingTarget` of core.
   */
  readonly fetch?: FetchPayloads<P> | undefined
  /**
   * Largest item that the servers take, in bytes, key and all: what their `-I` says, 1,024 to
   * 1,073,741,824. Default 1,048,576, as theirs. A larger one is refused at `write`.
   */
  readonly largestItemBytes?: number | undefined
}

/** The options, checked and with their defaults. */
export interface MemcachedSettings {
  readonly connection: MemcachedConnection
  readonly key: (key: string) => string
  readonly value: ((payload: unknown, record: WalRecord) => string | Uint8Array) | undefined
  readonly ttlMs: (record: WalRecord) => number | undefined
  readonly tombstoneMs: number
  readonly patch: 'merge' | 'remove' | undefined
  readonly largestItemBytes: number
}

const day = 86_400_000

/**
 * Longest time to live, in ms: a longer one is taken for an instant.
 * Source: https://github.com/memcached/memcached/blob/master/doc/protocol.txt
 */
export const longestTtlMs = 30 * day

const known: Readonly<Record<keyof MemcachedTargetOptions, true>> = {
  client: true,
  key: true,
  value: true,
  ttlMs: true,
  tombstoneMs: true,
  patch: true,
  fetch: true,
  largestItemBytes: true,
}

/** Checks the options and fills in the defaults. Throws `ERR_CONFIG`. */
export function resolveOptions<P>(options: MemcachedTargetOptions<P>): MemcachedSettings {
  checkNames(options)
  const { client, key, value, ttlMs, tombstoneMs = 7 * day, patch, fetch } = options
  const { largestItemBytes = 1_048_576 } = options
  for (const [name, given] of Object.entries({ key, value, fetch })) {
    if (given !== undefined && typeof given !== 'function') throw wrong(name, 'must be a function')
  }
  checkRange('tombstoneMs', tombstoneMs, 1_000, longestTtlMs)
  checkRange('largestItemBytes', largestItemBytes, 1_024, 1_073_741_824)
  if (typeof ttlMs !== 'function' && ttlMs !== undefined)
    checkRange('ttlMs', ttlMs, 1, longestTtlMs)
  checkPatch(patch, value)
  return Object.freeze({
    connection: connectionOf(client),
    key: key ?? ((same: string) => same),
    value: value as MemcachedSettings['value'],
    ttlMs: typeof ttlMs === 'function' ? (ttlMs as MemcachedSettings['ttlMs']) : () => ttlMs,
    tombstoneMs,
    patch,
    largestItemBytes,
  })
}

/** What the target does with a client. Throws `ERR_CONFIG` for one that it does not know. */
export function connectionOf(client: object): MemcachedConnection {
  const has = (...names: readonly string[]): boolean => {
    const members = (client ?? {}) as Record<string, unknown>
    return names.every((name) => typeof members[name] === 'function')
  }
  if (has('gets', 'store', 'ping')) return client as MemcachedConnection
  if (has('gets', 'add', 'cas', 'version', 'xsend')) {
    return new MemcacheClientConnection(client as SingleMemcacheClient)
  }
  const pool = client as Partial<MemcacheClient> | undefined
  if (!Array.isArray(pool?.nodes) || typeof pool.hash?.getNodesByKey !== 'function') {
    throw wrong('client', 'must be one of the package memcache or memcache-client')
  }
  const { nodes } = pool as MemcacheClient
  if (nodes.some(({ hasSaslCredentials }) => hasSaslCredentials)) {
    throw wrong(
      'client',
      'has SASL credentials, with which memcache speaks a protocol that has no CAS',
    )
  }
  return new MemcacheConnection(client as MemcacheClient)
}

function checkNames(options: object): void {
  if (typeof options !== 'object' || options === null) {
    throw new WalError('ERR_CONFIG', 'memcachedTarget: give an object of options, with a `client`.')
  }
  const names = Object.keys(known)
  const stranger = Object.keys(options).find((name) => !names.includes(name))
  if (stranger !== undefined) throw wrong(stranger, `is no option; there are ${names.join(', ')}`)
}

function checkRange(name: string, value: unknown, least: number, most: number): void {
  if (typeof value === 'number' && value >= least && value <= most) return
  throw wrong(name, `must be from ${least} to ${most}, and is ${value}`)
}

function checkPatch(patch: unknown, value: unknown): void {
  if (patch !== undefined && patch !== 'merge' && patch !== 'remove') {
    throw wrong('patch', "must be 'merge' or 'remove'")
  }
  if (patch === 'merge' && value !== undefined) {
    throw wrong('patch', "can be 'merge' only where the values are JSON, without `value`")
  }
}

function wrong(option: string, reason: string): WalError {
  return new WalError('ERR_CONFIG', `memcachedTarget: \`${option}\` ${reason}.`)
}
