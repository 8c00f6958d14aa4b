import { createHash } from 'node:crypto'
import type { RedisArgument, RedisConnection } from './redis-client.ts'

// KEYS: the value, its version. ARGV: what to do, our version in 19 digits, the value's bytes, its
// time to live in ms and the version's (0: for ever), and the version that must be held, or '*'.
//
// Versions are compared by halves: a Lua number is a double, exact to 2^53 only, and Redis compares
// strings by the server's locale.
const script = `
local value, version = KEYS[1], KEYS[2]
local op, ours, bytes = ARGV[1], ARGV[2], ARGV[3]
local held = redis.call('GET', version)
if held and not (#held == 19 and string.match(held, '^%d+$')) then
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
if held then
  local high, ourHigh = tonumber(string.sub(held, 1, 10)), tonumber(string.sub(ours, 1, 10))
  local low, ourLow = tonumber(string.sub(held, 11)), tonumber(string.sub(ours, 11))
  if ourHigh < high or (ourHigh == high and ourLow < low) then
    return 'superseded'
  end
  if held == ours then
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
  redis.call('SET', version, ours)
else
  redis.call('SET', version, ours, 'PX', ARGV[5])
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
}

/** Applies a change, if it is newer than what is held. Value and version change in one step. */
export async function runScript(
  connection: RedisConnection,
  call: ScriptCall,
): Promise<'applied' | 'superseded' | 'changed'> {
  const { keys, op, version, bytes, ttlMs, versionTtlMs, expected = '*' } = call
  const args = [op, digits(version), bytes, `${ttlMs}`, `${versionTtlMs}`, expected]
  const answer = await evaluate(connection, [...keys], args)
  return `${answer}` as 'applied' | 'superseded' | 'changed'
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

function digits(version: bigint): string {
  return version.toString().padStart(19, '0')
}
