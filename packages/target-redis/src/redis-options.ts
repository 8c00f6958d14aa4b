import { type FetchPayloads, WalError, type WalRecord } from '@daybook/core'
import { connectionOf, type RedisClient, type RedisConnection } from './redis-client.ts'

/** How {@link redisTarget} is set up. */
export interface RedisTargetOptions<P = unknown> {
  /**
   * A client of node-redis (a client, pool, sentinel or cluster) or of ioredis (`Redis` or `Cluster`).
   * It is yours: the target neither connects nor closes it.
   */
  readonly client: RedisClient
  /** The Redis key of a record's key; default the same. For a prefix, say, or a hash tag. */
  readonly key?: ((key: string) => string) | undefined
  /**
   * The bytes that are stored for a payload, which are what a reader gets. Default JSON. One that
   * throws makes the record a dead letter. `read` gives what is stored as text then.
   */
  readonly value?: ((payload: P, record: WalRecord<P>) => string | Uint8Array) | undefined
  /**
   * How long a value stays once it is applied, in ms, up to 10 years: for all, or of each record,
   * undefined for ever. Zero or less means that it is over already, and the key is removed. Default for ever.
   */
  readonly ttlMs?: number | ((record: WalRecord<P>) => number | undefined) | undefined
  /**
   * How long a deleted key's version is kept, in ms, 1,000 to 10 years; default 7 days. An older
   * change that comes later than that would bring the value back: longer than the longest lag, and
   * than what you might replay.
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
}

/** The options, checked and with their defaults. */
export interface RedisSettings {
  readonly connection: RedisConnection
  readonly key: (key: string) => string
  readonly value: ((payload: unknown, record: WalRecord) => string | Uint8Array) | undefined
  readonly ttlMs: (record: WalRecord) => number | undefined
  readonly tombstoneMs: number
  readonly patch: 'merge' | 'remove' | undefined
}

const day = 86_400_000

/** Longest time that anything is kept for, in ms: ten years. Of far longer ones Redis refuses the number. */
export const longestMs = 3_650 * day

const known: Readonly<Record<keyof RedisTargetOptions, true>> = {
  client: true,
  key: true,
  value: true,
  ttlMs: true,
  tombstoneMs: true,
  patch: true,
  fetch: true,
}

/** Checks the options and fills in the defaults. Throws `ERR_CONFIG`. */
export function resolveOptions<P>(options: RedisTargetOptions<P>): RedisSettings {
  checkNames(options)
  const { client, key, value, ttlMs, tombstoneMs = 7 * day, patch, fetch } = options
  const connection = connectionOf(client)
  if (connection === undefined) {
    throw wrong('client', 'must be a client of the package redis or ioredis')
  }
  for (const [name, given] of Object.entries({ key, value, fetch })) {
    if (given !== undefined && typeof given !== 'function') throw wrong(name, 'must be a function')
  }
  if (!(tombstoneMs >= 1_000 && tombstoneMs <= longestMs)) {
    throw wrong('tombstoneMs', `must be from 1,000 to ${longestMs}, and is ${tombstoneMs}`)
  }
  checkPatch(patch, value)
  return Object.freeze({
    connection,
    key: key ?? ((same: string) => same),
    value: value as RedisSettings['value'],
    ttlMs: ttlOf(ttlMs as number | RedisSettings['ttlMs'] | undefined),
    tombstoneMs: Math.ceil(tombstoneMs),
    patch,
  })
}

function checkNames(options: object): void {
  if (typeof options !== 'object' || options === null) {
    throw new WalError('ERR_CONFIG', 'redisTarget: give an object of options, with a `client`.')
  }
  const names = Object.keys(known)
  const stranger = Object.keys(options).find((name) => !names.includes(name))
  if (stranger !== undefined) throw wrong(stranger, `is no option; there are ${names.join(', ')}`)
}

function checkPatch(patch: unknown, value: unknown): void {
  if (patch !== undefined && patch !== 'merge' && patch !== 'remove') {
    throw wrong('patch', "must be 'merge' or 'remove'")
  }
  if (patch === 'merge' && value !== undefined) {
    throw wrong('patch', "can be 'merge' only where the values are JSON, without `value`")
  }
}

function ttlOf(ttlMs: number | RedisSettings['ttlMs'] | undefined): RedisSettings['ttlMs'] {
  if (typeof ttlMs === 'function') return ttlMs
  if (ttlMs === undefined) return () => undefined
  if (typeof ttlMs === 'number' && ttlMs >= 1 && ttlMs <= longestMs) return () => ttlMs
  throw wrong('ttlMs', `must be from 1 to ${longestMs}, or a function to that, and is ${ttlMs}`)
}

function wrong(option: string, reason: string): WalError {
  return new WalError('ERR_CONFIG', `redisTarget: \`${option}\` ${reason}.`)
}
