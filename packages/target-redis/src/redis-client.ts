import type { Buffer } from 'node:buffer'

/** An argument of a command. */
export type RedisArgument = string | Buffer

/**
 * The few methods used of node-redis (package `redis`): a client, a pool, a cluster or a sentinel that
 * `connect()` was called on.
 */
export interface NodeRedisClient {
  /** False while there is no connection. Clusters and pools may leave it out. */
  readonly isReady?: boolean
  eval(script: string, options: NodeRedisEvalOptions): Promise<unknown>
  evalSha(sha: string, options: NodeRedisEvalOptions): Promise<unknown>
  get(key: string): Promise<unknown>
  ping(): Promise<unknown>
}

/** Keys and arguments of a script, as node-redis takes them. */
export interface NodeRedisEvalOptions {
  keys: string[]
  arguments: RedisArgument[]
}

/** The few methods used of ioredis: a `Redis` or a `Cluster`. */
export interface IoRedisClient {
  /** `'ready'` once it is connected; `'wait'` before the first command of a lazy one. */
  readonly status: string
  eval(script: string, keyCount: number, ...args: RedisArgument[]): Promise<unknown>
  evalsha(sha: string, keyCount: number, ...args: RedisArgument[]): Promise<unknown>
  get(key: string): Promise<unknown>
  ping(): Promise<unknown>
  /** `'close'` tells that the connection broke. */
  on(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

/** A client of one of the two packages. */
export type RedisClient = NodeRedisClient | IoRedisClient

/** What the target does with a client, whichever of the two it is. */
export interface RedisConnection {
  /** False where a command would only wait for a connection. */
  isReady(): boolean
  eval(script: string, keys: string[], args: RedisArgument[]): Promise<unknown>
  evalSha(sha: string, keys: string[], args: RedisArgument[]): Promise<unknown>
  get(key: string): Promise<unknown>
  ping(): Promise<unknown>
  /** Calls the listener when the connection breaks; returns what ends that. */
  onBroken(listener: () => void): () => void
}

/** The connection of a client, or undefined if it is neither of the two. */
export function connectionOf(client: RedisClient): RedisConnection | undefined {
  if (typeof client !== 'object' || client === null) return undefined
  if (!has(client, 'eval', 'get', 'ping')) return undefined
  if (has(client, 'evalSha')) return nodeRedis(client as NodeRedisClient)
  if (has(client, 'evalsha', 'on', 'off')) return ioRedis(client as IoRedisClient)
  return undefined
}

function has(client: object, ...methods: readonly string[]): boolean {
  return methods.every((name) => typeof (client as Record<string, unknown>)[name] === 'function')
}

/** It fails what is under way when its connection breaks, by itself. */
function nodeRedis(client: NodeRedisClient): RedisConnection {
  return {
    isReady: () => client.isReady !== false,
    eval: (script, keys, args) => client.eval(script, { keys, arguments: args }),
    evalSha: (sha, keys, args) => client.evalSha(sha, { keys, arguments: args }),
    get: (key) => client.get(key),
    ping: () => client.ping(),
    onBroken: () => () => {},
  }
}

/** It sends what is under way again once it has a connection, and says nothing meanwhile. */
function ioRedis(client: IoRedisClient): RedisConnection {
  return {
    isReady: () => client.status === 'ready' || client.status === 'wait',
    eval: (script, keys, args) => client.eval(script, keys.length, ...keys, ...args),
    evalSha: (sha, keys, args) => client.evalsha(sha, keys.length, ...keys, ...args),
    get: (key) => client.get(key),
    ping: () => client.ping(),
    onBroken(listener) {
      client.on('close', listener)
      return () => client.off('close', listener)
    },
  }
}
