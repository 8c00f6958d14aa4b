import { throttled } from '@daybook/core'
import { describe, expect, test } from 'vitest'
import { memcachedOutcome } from '../src/memcached-errors.ts'

const coded = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code })

describe('the outcome of an error of memcached', () => {
  test.each([
    ['permanent too_large', new Error('SERVER_ERROR object too large for cache')],
    ['transient out_of_memory', new Error('SERVER_ERROR out of memory storing object')],
    ['transient SERVER_ERROR', new Error('SERVER_ERROR something of a proxy')],
    ['unavailable unauthenticated', new Error('CLIENT_ERROR unauthenticated')],
    ['unavailable unauthenticated', new Error('CLIENT_ERROR authentication failure')],
    ['permanent CLIENT_ERROR', new Error('CLIENT_ERROR bad command line format')],
    ['unavailable too_many_connections', new Error('ERROR Too many open connections')],
    ['unavailable ERROR', new Error('ERROR')],
    ['unavailable connection', new Error('Not connected to memcache server 127.0.0.1:11211')],
    ['unavailable connection', new Error('Connection closed')],
    ['unavailable connection', new Error('Connection timeout')],
    ['unavailable connection', new Error('Connection reset for reconnection')],
    ['unavailable connection', new Error('connect failed')],
    ['unavailable connection', new Error('Command timeout')],
    ['unavailable connection', new Error('socket close')],
    ['unavailable connection', new Error('socket error read ECONNRESET')],
    ['unavailable connection', new Error('No more valid servers left')],
    ['unavailable unauthenticated', new Error('SASL authentication failed')],
    ['unavailable ECONNREFUSED', coded('ECONNREFUSED')],
    ['unavailable ECONNRESET', coded('ECONNRESET')],
    ['unavailable SELF_SIGNED_CERT_IN_CHAIN', coded('SELF_SIGNED_CERT_IN_CHAIN')],
    ['unavailable EMFILE', coded('EMFILE')],
    ['transient TypeError', new TypeError('something nobody has seen')],
    ['transient UNKNOWN', undefined],
  ])('is %s, by what it says: %s', (expected, error) => {
    const { status, code } = memcachedOutcome(error)
    expect(`${status} ${code}`).toBe(expected)
  })

  test('is itself where it is an outcome', () => {
    const outcome = throttled('slow', 'It is slow.')
    expect(memcachedOutcome(outcome)).toBe(outcome)
  })
})
