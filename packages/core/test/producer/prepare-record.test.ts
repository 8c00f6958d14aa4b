import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemClock } from '../../src/clock.ts'
import { bytesCodec, jsonCodec } from '../../src/codec.ts'
import { type } from '../../src/config/payload-type.ts'
import { type PrepareOptions, RecordPreparer } from '../../src/producer/prepare-record.ts'
import type { WriteInput } from '../../src/producer/write-input.ts'
import { systemRandom } from '../../src/random.ts'
import { RecordIds } from '../../src/record-id.ts'
import { defineTarget } from '../../src/target/function-target.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { VersionClock } from '../../src/version.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const now = 1_800_000_000_000
const clock = { ...systemClock, now: () => now }

function preparerOf(options: Partial<PrepareOptions> = {}): RecordPreparer {
  return new RecordPreparer({
    namespace: 'films',
    order: 'key',
    payload: undefined,
    codec: jsonCodec,
    targets: new Map([['db', defineTarget(async () => {})]]),
    delayMs: 0,
    jitterMs: 0,
    longestDelayMs: 1000,
    largestPayloadBytes: 100,
    origin: 'local',
    clock,
    random: systemRandom,
    ids: new RecordIds(systemRandom),
    versions: new VersionClock({ region: 0, floor: 0n }),
    ...options,
  })
}

async function prepared(preparer: RecordPreparer, input: WriteInput<unknown>) {
  return preparer.build(input, await preparer.check(input), now)
}

async function refusalOf(input: object, options?: Partial<PrepareOptions>): Promise<unknown> {
  try {
    await prepared(preparerOf(options), input as WriteInput<unknown>)
  } catch (error) {
    return error
  }
  return undefined
}

const cycle: Record<string, unknown> = {}
cycle['self'] = cycle

describe('RecordPreparer', () => {
  it('makes a record with an id, a version and its payload encoded', async () => {
    const record = await prepared(preparerOf(), { key: 'k', payload: { title: 'Ran' } })
    expect(record).toMatchObject({ namespace: 'films', key: 'k', op: 'put', writtenAt: now })
    expect(record).toMatchObject({ dueAt: undefined, attemptEpoch: 0, origin: 'local' })
    expect(record.version / 1000n).toBe(BigInt(now))
    expect(Buffer.from(record.payload ?? []).toString()).toBe('{"title":"Ran"}')
  })

  it('keeps the id and version of a write that is written again', async () => {
    const again = { id: '01234567-89ab-7000-8000-000000000000', version: 77n }
    expect(await prepared(preparerOf(), { key: 'k', payload: 1, ...again })).toMatchObject(again)
  })

  it('stores no bytes for a delete without a payload', async () => {
    const record = await prepared(preparerOf(), { key: 'k', op: 'delete' })
    expect(record).toMatchObject({ op: 'delete', payload: undefined })
  })

  it.each<[string, object, string, Partial<PrepareOptions>?]>([
    ['no key under order by key', { payload: 1 }, 'ERR_INVALID_RECORD'],
    ['an empty key', { key: '', payload: 1 }, 'ERR_INVALID_RECORD'],
    ['a key that is not a string', { key: 7, payload: 1 }, 'ERR_INVALID_RECORD'],
    ['a key that is too long', { key: 'k'.repeat(1025), payload: 1 }, 'ERR_INVALID_RECORD'],
    ['a key with half a character', { key: 'a\ud83c', payload: 1 }, 'ERR_INVALID_RECORD'],
    [
      'a header with half a character',
      { key: 'k', payload: 1, headers: { a: '\ud83c' } },
      'ERR_INVALID_RECORD',
    ],
    ['a field that is misspelt', { key: 'k', payload: 1, dely: '10m' }, 'ERR_INVALID_RECORD'],
    ['headers in an array', { key: 'k', payload: 1, headers: ['a'] }, 'ERR_INVALID_RECORD'],
    [
      'an instant of writing before 1970',
      { key: 'k', payload: 1, writtenAt: -5 },
      'ERR_INVALID_RECORD',
    ],
    [
      'an instant of writing past all dates',
      { key: 'k', payload: 1, writtenAt: 1e300 },
      'ERR_INVALID_RECORD',
    ],
    [
      'an instant of writing in text',
      { key: 'k', payload: 1, writtenAt: '5' },
      'ERR_INVALID_RECORD',
    ],
    ['a delay of null', { key: 'k', payload: 1, delay: null }, 'ERR_INVALID_DELAY'],
    ['an instant of null', { key: 'k', payload: 1, at: null }, 'ERR_INVALID_DELAY'],
    ['an op that does not exist', { key: 'k', op: 'upsert', payload: 1 }, 'ERR_INVALID_RECORD'],
    ['a patch that names no fields', { key: 'k', op: 'patch', payload: 1 }, 'ERR_INVALID_RECORD'],
    ['an id that is not a UUID', { key: 'k', payload: 1, id: 'x' }, 'ERR_INVALID_RECORD'],
    ['a version as a number', { key: 'k', payload: 1, version: 1 }, 'ERR_INVALID_RECORD'],
    [
      'a version beyond an int64',
      { key: 'k', payload: 1, version: 2n ** 63n },
      'ERR_INVALID_RECORD',
    ],
    [
      'a header that is a number',
      { key: 'k', payload: 1, headers: { a: 1 } },
      'ERR_INVALID_RECORD',
    ],
    [
      'headers beyond their limit',
      { key: 'k', payload: 1, headers: { a: 'x'.repeat(70_000) } },
      'ERR_INVALID_RECORD',
    ],
    [
      'a trace context that is text',
      { key: 'k', payload: 1, traceContext: 'abc' },
      'ERR_INVALID_RECORD',
    ],
    [
      'a traceparent that is a number',
      { key: 'k', payload: 1, traceContext: { traceparent: 5 } },
      'ERR_INVALID_RECORD',
    ],
    [
      'a tracestate beyond its limit',
      { key: 'k', payload: 1, traceContext: { traceparent: '', tracestate: 'x'.repeat(1025) } },
      'ERR_INVALID_RECORD',
    ],
    ['headers of null', { key: 'k', payload: 1, headers: null }, 'ERR_INVALID_RECORD'],
    ['a trace context of null', { key: 'k', payload: 1, traceContext: null }, 'ERR_INVALID_RECORD'],
    ['text for the whole', 'film' as never, 'ERR_INVALID_RECORD'],
    ['an unknown target', { key: 'k', payload: 1, target: 'dbb' }, 'ERR_UNKNOWN_TARGET'],
    ['a cycle', { key: 'k', payload: cycle }, 'ERR_NOT_SERIALIZABLE'],
    ['a bigint in JSON', { key: 'k', payload: 1n }, 'ERR_NOT_SERIALIZABLE'],
    ['a put of nothing', { key: 'k' }, 'ERR_NOT_SERIALIZABLE'],
    [
      'text for the bytes codec',
      { key: 'k', payload: 'x' },
      'ERR_NOT_SERIALIZABLE',
      { codec: bytesCodec as never },
    ],
    [
      'what a codec made that is no bytes',
      { key: 'k', payload: 1 },
      'ERR_NOT_SERIALIZABLE',
      { codec: { ...jsonCodec, encode: () => ({ byteLength: 3 }) as never } },
    ],
    ['an oversized payload', { key: 'k', payload: 'x'.repeat(100) }, 'ERR_PAYLOAD_TOO_LARGE'],
    ['a negative delay', { key: 'k', payload: 1, delay: -1 }, 'ERR_INVALID_DELAY'],
    ['a delay without a unit', { key: 'k', payload: 1, delay: '10' }, 'ERR_INVALID_DELAY'],
    ['an absurd delay', { key: 'k', payload: 1, delay: '1000d' }, 'ERR_INVALID_DELAY'],
    ['a date that is none', { key: 'k', payload: 1, at: new Date('x') }, 'ERR_INVALID_DELAY'],
    ['both delay and at', { key: 'k', payload: 1, delay: 1, at: now }, 'ERR_INVALID_RECORD'],
  ])('refuses %s', async (_, input, code, options) => {
    expect(await refusalOf(input, options)).toMatchObject({ code, retryable: false })
  })

  it('says what the schema says, before anything is stored', async () => {
    const payload = z.object({ year: z.number() })
    const error = await refusalOf({ key: 'k', payload: { year: 'MCM' } }, { payload })
    expect(error).toMatchObject({
      code: 'ERR_INVALID_PAYLOAD',
      message: expect.stringContaining('year'),
    })
  })

  it('stores what the schema makes of the payload, also when its check is asynchronous', async () => {
    const payload = z.string().transform(async (text) => text.length)
    const record = await prepared(preparerOf({ payload }), { key: 'k', payload: 'four' })
    expect(Buffer.from(record.payload ?? []).toString()).toBe('4')
  })

  it('does not run the schema on a patch or a delete', async () => {
    const payload = z.object({ year: z.number(), title: z.string() })
    const preparer = preparerOf({ payload })
    await prepared(preparer, { key: 'k', op: 'patch', payload: { year: 1 } })
    await prepared(preparer, { key: 'k', op: 'delete', payload: {} })
    expect(await refusalOf({ key: 'k', payload: { year: 1 } }, { payload })).toBeDefined()
  })

  it('checks nothing where only a type is given', async () => {
    const record = await prepared(preparerOf({ payload: type<number>() }), {
      key: 'k',
      payload: 'x',
    })
    expect(record.op).toBe('put')
  })

  it('asks the targets that can know early, and only those the record is for', async () => {
    const targets = new Map([
      ['strict', defineTarget(async () => {}, { validate: () => 'no such table' })],
      ['putOnly', defineTarget(async () => {}, { ops: ['put'] })],
    ])
    const options = { targets }
    expect(await refusalOf({ key: 'k', payload: 1 }, options)).toMatchObject({
      message: expect.stringContaining('no such table'),
    })
    const patch = { key: 'k', op: 'patch', payload: {} }
    expect(await refusalOf({ ...patch, target: 'putOnly' }, options)).toMatchObject({
      message: expect.stringContaining('putOnly'),
    })
    expect(await refusalOf({ key: 'k', payload: 1, target: 'putOnly' }, options)).toBeUndefined()
  })

  it('wraps what a schema throws, at once or later', async () => {
    const broken = new Error('the database of the schema is down')
    const checks = [
      () => {
        throw broken
      },
      () => Promise.reject(broken),
    ]
    for (const validate of checks) {
      const payload = { '~standard': { version: 1, vendor: 'test', validate } } as const
      expect(await refusalOf({ key: 'k', payload: 1 }, { payload })).toMatchObject({
        code: 'ERR_INVALID_PAYLOAD',
        cause: broken,
        message: expect.stringContaining('is down'),
      })
    }
  })

  it('refuses what a schema does not answer for', async () => {
    const validate = () => undefined as never
    const payload = { '~standard': { version: 1, vendor: 'test', validate } } as const
    expect(await refusalOf({ key: 'k', payload: 1 }, { payload })).toMatchObject({
      code: 'ERR_INVALID_PAYLOAD',
    })
  })

  it('wraps what the validate of a target throws', async () => {
    const broken = new Error('not connected')
    const validate = () => {
      throw broken
    }
    const targets = new Map([['db', defineTarget(async () => {}, { validate })]])
    expect(await refusalOf({ key: 'k', payload: 1 }, { targets })).toMatchObject({
      code: 'ERR_INVALID_RECORD',
      cause: broken,
      message: expect.stringContaining("'db'"),
    })
  })

  it.each(['version', 'after'])(
    'refuses a %s more than a day ahead of the clock',
    async (field) => {
      const aDayAhead = (BigInt(now) + 86_400_000n) * 1000n
      const write = (version: bigint) => ({ key: 'k', payload: 1, [field]: version })
      expect(await refusalOf(write(aDayAhead))).toBeUndefined()
      for (const version of [aDayAhead + 1n, 2n ** 53n - 1n, 2n ** 53n]) {
        expect(await refusalOf(write(version))).toMatchObject({ code: 'ERR_INVALID_RECORD' })
      }
      expect(await refusalOf(write(aDayAhead + 1000n))).toMatchObject({
        message: expect.stringContaining('86400001 ms ahead'),
      })
    },
  )

  it('takes back the version it gave out itself, though the clock has been set back', async () => {
    const preparer = preparerOf({
      versions: new VersionClock({ region: 0, floor: BigInt(now + 10 * 86_400_000) * 1000n }),
    })
    const write = { key: 'k', payload: 1 }
    const { id, version } = await prepared(preparer, write)
    expect(await prepared(preparer, { ...write, id, version })).toMatchObject({ id, version })
    await expect(prepared(preparer, { ...write, version: version + 16n })).rejects.toMatchObject({
      code: 'ERR_INVALID_RECORD',
    })
  })

  it('adds jitter to a delay, spread evenly, and never shortens it', async () => {
    const preparer = preparerOf({ delayMs: 500, jitterMs: 100, random: new SeededRandom(seed) })
    const tenths = Array.from({ length: 10 }, () => 0)
    for (let i = 0; i < 4000; i++) {
      const { dueAt } = await prepared(preparer, { key: 'k', payload: 1 })
      const tenth = Math.floor((Number(dueAt) - now - 501) / 10)
      tenths[tenth] = (tenths[tenth] ?? 0) + 1
    }
    expect(tenths).toHaveLength(10)
    // 400 each, and a standard deviation of 19.
    for (const count of tenths) expect(Math.abs(count - 400)).toBeLessThan(120)
  })

  it('adds no jitter beyond the longest delay', async () => {
    const preparer = preparerOf({ delayMs: 1000, jitterMs: 100 })
    const { dueAt } = await prepared(preparer, { key: 'k', payload: 1 })
    expect(dueAt).toBe(now + 1000)
  })

  it('adds jitter to no delay by default, and none where a write asks for at once', async () => {
    const preparer = preparerOf({ jitterMs: 100, random: new SeededRandom(seed) })
    const dueAt = async (time: Pick<WriteInput<unknown>, 'at' | 'delay'>) =>
      (await prepared(preparer, { key: 'k', payload: 1, ...time })).dueAt
    expect(await dueAt({})).toBeGreaterThan(now)
    expect(await dueAt({ at: now + 1 })).toBeGreaterThan(now + 1)
    for (const time of [{ at: now }, { at: now - 1 }, { at: new Date(0) }, { delay: 0 }]) {
      expect(await dueAt(time)).toBeUndefined()
    }
  })

  it('takes an instant, and a delay of nothing over a delay by default', async () => {
    const preparer = preparerOf({ delayMs: 500 })
    const at = await prepared(preparer, { key: 'k', payload: 1, at: new Date(now + 250) })
    expect(at.dueAt).toBe(now + 250)
    expect((await prepared(preparer, { key: 'k', payload: 1, delay: 0 })).dueAt).toBeUndefined()
  })
})
