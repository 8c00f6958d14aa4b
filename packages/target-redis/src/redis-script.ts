import { createHash } from 'node:crypto'
import type { RedisArgument, RedisConnection } from './redis-client.ts'

// KEYS: the value, its version. ARGV: what to do, our version in 19 digits, the value's bytes, its
// time to live in ms and the version's (0: for ever), the version that must be held, or '*', and the version
// that is held from then on.
//
// A version is 19 digits, of the newest change. Behind them is JSON where patches were newer than the last put
// or delete: with it a change that is not the newest may still count. Whoever asks merges it ('merge'), and
// sets what comes of it on condition that the same version is held.
//
// Versions are compared by halves: a Lua number is a double, exact to 2^53 only, and Redis compares
// strings by the server's locale.
const script = `
local value, version = KEYS[1], KEYS[2]
local op, ours, bytes = ARGV[1], ARGV[2], ARGV[3]
local held = redis.call('GET', version)
local newest = held and string.sub(held, 1, 19)
if held and not (string.match(newest, '^%d+$') and #newest == 19 and string.match(held, '^%d+{?', 1) == string.sub(held, 1, 20)) then
  return redis.error_reply('DAYBOOK ' .. version .. ' holds something that is no version')
end
if op == 'read' then
  return { held, redis.call('GET', value) }
end
if op == 'probe' then
  if redis.call('EXISTS', value) == 1 then
    redis.call('SET', value, '', 'NX')
  else
    redis.call('DEL', value)
  end
  return 'writable'
end
if held and ARGV[6] == '*' then
  local high, ourHigh = tonumber(string.sub(newest, 1, 10)), tonumber(string.sub(ours, 1, 10))
  local low, ourLow = tonumber(string.sub(newest, 11)), tonumber(string.sub(ours, 11))
  if ourHigh < high or (ourHigh == high and ourLow < low) then
    return held == newest and 'superseded' or 'merge'
  end
  if newest == ours then
    if op == 'put' and ARGV[4] == '0' and redis.call('EXISTS', value) == 0 then
      redis.call('SET', value, bytes)
    end
    return 'applied'
  end
end
if ARGV[6] ~= '*' and ARGV[6] ~= (held or '') then
  return 'changed'
end
if op == 'put' and ARGV[4] == '0' then
  redis.call('SET', value, bytes)
elseif op == 'put' then
  redis.call('SET', value, bytes, 'PX', ARGV[4])
elseif op == 'delete' then
  redis.call('DEL', value)
elseif redis.call('EXISTS', value) == 1 and ARGV[4] == '0' then
  redis.call('SET', value, bytes, 'KEEPTTL')
elseif redis.call('EXISTS', value) == 1 then
  redis.call('SET', value, bytes, 'PX', ARGV[4])
end
if ARGV[5] == '0' then
  redis.call('SET', version, ARGV[7])
else
  redis.call('SET', version, ARGV[7], 'PX', ARGV[5])
end
return 'applied'
`

const sha = createHash('sha1').update(script).digest('hex')

/** One change of a key, as the script takes it. */
export interface ScriptCall {
  readonly keys: readonly [value: string, version: string]
  /** `merge` sets the value only if there still is one. */
  readonly op: 'put' | 'delete' | 'merge'
  readonly version: bigint
  readonly bytes: RedisArgument
  /** How long the value stays, in ms; 0 for ever. */
  readonly ttlMs: number
  /** How long the version stays, in ms; 0 for ever. */
  readonly versionTtlMs: number
  /** The version that was read, empty for none; where it is another one by now, nothing is done. */
  readonly expected?: string
  /** What is kept as version; default `version` alone. */
  readonly kept?: string
}

/** `merge`: it is older than some of what is held, and may still count. */
export type ScriptAnswer = 'applied' | 'superseded' | 'changed' | 'merge'

/**
 * Applies a change: with `expected` if that is what is held, without if it is newer than what is held. Value
 * and version change in one step.
 */
export async function runScript(
  connection: RedisConnection,
  call: ScriptCall,
): Promise<ScriptAnswer> {
  const { keys, op, version, bytes, ttlMs, versionTtlMs, expected = '*' } = call
  const ours = digits(version)
  const times = [`${ttlMs}`, `${versionTtlMs}`]
  const args = [op, ours, bytes, ...times, expected, call.kept ?? ours]
  return `${await evaluate(connection, [...keys], args)}` as ScriptAnswer
}

/** What is held of a key: value and version as of the same instant. */
export async function readHeld(
  connection: RedisConnection,
  keys: readonly [value: string, version: string],
): Promise<{ readonly version: string; readonly value: string | undefined }> {
  const answer = await evaluate(connection, [...keys], ['read'])
  const [version, value] = answer as [string | null | false, string | null | undefined]
  return { version: version || '', value: value ?? undefined }
}

/**
 * Fails where a write of these keys would fail. It is one itself, and changes nothing: it sets what is
 * there only if it is not, and deletes what is not there.
 */
export async function probeKeys(
  connection: RedisConnection,
  keys: readonly [value: string, version: string],
): Promise<void> {
  await evaluate(connection, [...keys], ['probe'])
}

/** A server that was restarted, or is new in a cluster, does not know the script yet: it is sent whole. */
async function evaluate(
  connection: RedisConnection,
  keys: string[],
  args: RedisArgument[],
): Promise<unknown> {
  try {
    return await connection.evalSha(sha, keys, args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return connection.eval(script, keys, args)
  }
}

/** As many digits as the highest version has. */
export function digits(version: bigint): string {
  return version.toString().padStart(19, '0')
}
