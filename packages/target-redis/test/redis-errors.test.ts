import { unavailable } from '@daybook/core'
import { describe, expect, test } from 'vitest'
import { redisOutcome } from '../src/redis-errors.ts'

/** As the two clients raise them: the reply is the message. */
const reply = (message: string): Error => new Error(message)
const named = (name: string, message: string): Error => Object.assign(new Error(message), { name })
const coded = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code })

describe('the outcome of an error of Redis', () => {
  test.each([
    ['unavailable LOADING', reply('LOADING Redis is loading the dataset in memory')],
    ['unavailable MASTERDOWN', reply('MASTERDOWN Link with MASTER is down')],
    ['unavailable READONLY', reply("READONLY You can't write against a read only replica.")],
    ['unavailable CLUSTERDOWN', reply('CLUSTERDOWN The cluster is down')],
    ['unavailable NOREPLICAS', reply('NOREPLICAS Not enough good replicas to write.')],
    ['unavailable MISCONF', reply('MISCONF Redis is configured to save RDB snapshots')],
    ['unavailable NOAUTH', reply('NOAUTH Authentication required.')],
    ['unavailable WRONGPASS', reply('WRONGPASS invalid username-password pair')],
    ['unavailable DENIED', reply('DENIED Redis is running in protected mode')],
    ['unavailable MOVED', reply('MOVED 3999 127.0.0.1:6381')],
    ['unavailable NOPERM', reply("NOPERM User x has no permissions to run the 'eval' command")],
    ['permanent NOPERM', reply('NOPERM No permissions to access a key')],
    ['unavailable ERR', reply('ERR max number of clients reached')],
    ['unavailable ERR', reply("ERR unknown command 'EVALSHA'")],
    ['unavailable ERR', reply('ERR invalid password')],
    ['throttled OOM', reply("OOM command not allowed when used memory > 'maxmemory'.")],
    ['throttled BUSY', reply('BUSY Redis is busy running a script.')],
    ['throttled UNKILLABLE', reply('UNKILLABLE Sorry the script already executed write commands')],
    ['throttled TRYAGAIN', reply('TRYAGAIN Multiple keys request during rehashing of slot')],
    ['throttled ASK', reply('ASK 3999 127.0.0.1:6381')],
    ['transient NOSCRIPT', reply('NOSCRIPT No matching script. Please use EVAL.')],
    ['permanent WRONGTYPE', reply('WRONGTYPE Operation against a key holding the wrong kind')],
    ['permanent CROSSSLOT', reply("CROSSSLOT Keys in request don't hash to the same slot")],
    ['held DAYBOOK', reply('DAYBOOK x:daybook holds something that is no version')],
    ['permanent ERR', reply('ERR string exceeds maximum allowed size (proto-max-bulk-len)')],
    ['transient ERR', reply('ERR something new')],
    ['unavailable ECONNREFUSED', coded('ECONNREFUSED')],
    ['unavailable ECONNRESET', coded('ECONNRESET')],
    ['unavailable EPIPE', coded('EPIPE')],
    ['unavailable CERT_HAS_EXPIRED', coded('CERT_HAS_EXPIRED')],
    ['unavailable EMFILE', coded('EMFILE')],
    ['unavailable MaxRetriesPerRequestError', named('MaxRetriesPerRequestError', 'Reached it')],
    ['unavailable ClusterAllFailedError', named('ClusterAllFailedError', 'Failed to refresh')],
    ['unavailable connection', reply('Connection is closed.')],
    ['unavailable connection', reply("Stream isn't writeable and enableOfflineQueue is false")],
    ['unavailable connection', reply('Too many Cluster redirections. Last error: Error: x')],
    ['unavailable connection', reply("Cluster isn't ready and enableOfflineQueue is false")],
    ['unavailable connection', reply('None of startup nodes is available')],
    ['unavailable connection', reply('All sentinels are unreachable. Retrying from scratch.')],
    ['unavailable MaxCommandRedirectionsError', named('MaxCommandRedirectionsError', 'Too many')],
    ['transient Error', reply('Command timed out')],
    ['transient Error', reply('constructor of something nobody has seen')],
    ['transient UNKNOWN', 'a string'],
    ['transient UNKNOWN', undefined],
  ])('is %s, of %s', (expected, error) => {
    const { status, code } = redisOutcome(error)
    expect(`${status} ${code}`).toBe(expected)
  })

  test('goes by the class where the name says nothing, as with node-redis', () => {
    class ClientClosedError extends Error {}
    const { status, code, message } = redisOutcome(new ClientClosedError('The client is closed'))
    expect([status, code]).toEqual(['unavailable', 'ClientClosedError'])
    expect(message).toMatch(/connect\(\)/)
  })

  test('is an outage where node-redis could not write the command in time', () => {
    class TimeoutError extends Error {}
    const { status, code, message } = redisOutcome(new TimeoutError('Timed out'))
    expect([status, code]).toEqual(['unavailable', 'TimeoutError'])
    expect(message).toMatch(/^Timed out\. The client .* in time/)
  })

  test('is itself where it is one already', () => {
    const outcome = unavailable('down', 'It is down.')
    expect(redisOutcome(outcome)).toBe(outcome)
  })
})
