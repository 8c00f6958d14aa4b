import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Target } from '../../src/index.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import {
  expectDelivered,
  type Film,
  type FilmsOptions,
  openFilms,
  storedTitles,
  storeFilms,
} from './support/films-wal.ts'

type Opened = Awaited<ReturnType<typeof openFilms>>

/** What is being written here is wrong, also for TypeScript. */
type Anything = Parameters<Opened['films']['write']>[0]

/**
 * On a log that holds records: the call is refused with that code and message, nothing of it is
 * stored, a good write after it is, and everything stored before is delivered.
 */
async function expectRefusal(
  call: (opened: Opened) => Promise<unknown>,
  code: string,
  message: RegExp,
  options: FilmsOptions = {},
): Promise<void> {
  const directory = await temporaryDirectory()
  await storeFilms(directory)
  const opened = await openFilms(directory, options)
  const refused = { code, message: expect.stringMatching(message), retryable: false }
  await expect(call(opened)).rejects.toMatchObject(refused)
  await opened.films.write({ key: 'Psycho', payload: { title: 'Psycho' } })
  await expectDelivered(opened.wal, directory, [...storedTitles, 'Psycho'])
}

const good = { key: 'Marnie', payload: { title: 'Marnie' } }

describe('a write that is wrong', () => {
  it('names a namespace there is not', () =>
    expectRefusal(
      ({ wal }) => wal.write('flims' as 'films', good),
      'ERR_UNKNOWN_NAMESPACE',
      /'flims'.*films/,
    ))

  it('names a target there is not', () =>
    expectRefusal(
      ({ films }) => films.write({ ...good, target: 'search' as 'store' }),
      'ERR_UNKNOWN_TARGET',
      /'films'.*'search'.*store/,
    ))

  it('has a payload above the limit of its namespace', () =>
    expectRefusal(
      ({ films }) => films.write({ key: 'big', payload: { title: 'x'.repeat(2000) } }),
      'ERR_PAYLOAD_TOO_LARGE',
      /'films'.*2012 bytes.*1024/,
      { limits: { payloadBytes: '1kb' } },
    ))

  it('has a payload that the log takes of no record', () =>
    expectRefusal(
      ({ films }) => films.write({ key: 'big', payload: { title: 'x'.repeat(65 * 2 ** 20) } }),
      'ERR_PAYLOAD_TOO_LARGE',
      /'films'.*68157452 bytes.*68157440/,
      { limits: { payloadBytes: '100mb' } },
    ))

  it('has a payload and headers that only together are too large for the log', async () => {
    const directory = await temporaryDirectory()
    await storeFilms(directory)
    const { wal, films } = await openFilms(directory, { limits: { payloadBytes: '65mb' } })
    const payload = { title: 'x'.repeat(65 * 2 ** 20 - 12) }
    const write = films.write({ key: 'big', payload, headers: { note: 'y'.repeat(1000) } })
    await expect(write).rejects.toMatchObject({
      code: 'ERR_NOT_DURABLE',
      receipt: { durable: 'no' },
      cause: { code: 'ERR_PAYLOAD_TOO_LARGE' },
    })
    await expectDelivered(wal, directory, storedTitles)
  })

  it('has a payload that fails its schema', () =>
    expectRefusal(
      ({ films }) =>
        films.write({ key: 'odd', payload: { title: 'Saboteur', year: '1942' } } as never),
      'ERR_INVALID_PAYLOAD',
      /'films'.*year/,
      { payload: z.object({ title: z.string(), year: z.number().optional() }) },
    ))

  it('has a payload that fails a schema which takes its time', () =>
    expectRefusal(
      ({ films }) => films.write({ key: 'odd', payload: { title: '' } }),
      'ERR_INVALID_PAYLOAD',
      /'films'.*title: it has none/,
      {
        payload: z.object({
          title: z.string().refine(async (title) => title !== '', 'it has none'),
          year: z.number().optional(),
        }),
      },
    ))

  it('has a payload that contains itself', () => {
    const film: { title: string; sequel?: unknown } = { title: 'Rebecca' }
    film.sequel = film
    return expectRefusal(
      ({ films }) => films.write({ key: 'loop', payload: film }),
      'ERR_NOT_SERIALIZABLE',
      /'films'.*json.*circular/,
    )
  })

  it.each([
    ['a bigint', { title: 'Frenzy', year: 1972n }],
    ['nothing', undefined],
    ['a function', () => 'Topaz'],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('no')
        },
      },
    ],
  ])('has a payload that JSON cannot hold: %s', (_, payload) =>
    expectRefusal(
      ({ films }) => films.write({ key: 'odd', payload } as unknown as Anything),
      'ERR_NOT_SERIALIZABLE',
      /'films'.*json/,
    ),
  )

  it.each([
    ['is negative', { delay: -1 }],
    ['is negative text', { delay: '-5m' }],
    ['is no number', { delay: Number.NaN }],
    ['never ends', { delay: Number.POSITIVE_INFINITY }],
    ['is longer than 366 days', { delay: '367d' }],
    ['is 1e300 ms', { delay: 1e300 }],
    ['has a unit there is not', { delay: '3 parsecs' }],
    ['is an object', { delay: {} }],
    ['is no date', { at: new Date(Number.NaN) }],
    ['is a date in the year 275760', { at: new Date(8.64e15) }],
  ])('has a delay that %s', (_, wrong) =>
    expectRefusal(
      ({ films }) => films.write({ ...good, ...wrong } as Anything),
      'ERR_INVALID_DELAY',
      /delay/,
    ),
  )

  it('is longer delayed than its namespace allows', () =>
    expectRefusal(
      ({ films }) => films.write({ ...good, delay: '2h' }),
      'ERR_INVALID_DELAY',
      /'films'.*7200000 ms.*3600000 ms.*longestDelay/,
      { limits: { longestDelay: '1h' } },
    ))

  it.each([
    ['no key', { payload: good.payload }],
    ['an empty key', { ...good, key: '' }],
    ['a key of 1,025 characters', { ...good, key: 'k'.repeat(1025) }],
    ['a key that is a number', { ...good, key: 7 }],
    ['an op there is not', { ...good, op: 'upsert' }],
    ['an id that is no UUID', { ...good, id: 'tt0038787' }],
    ['version 0', { ...good, version: 0n }],
    ['a version that is a number', { ...good, version: 5 }],
    ['version 2^63', { ...good, version: 2n ** 63n }],
    ['a header that is a number', { ...good, headers: { retries: 3 } }],
    ['a writtenAt that is no number', { ...good, writtenAt: Number.NaN }],
  ])('has %s', (_, wrong) =>
    expectRefusal(
      ({ films }) => films.write(wrong as unknown as Anything),
      'ERR_INVALID_RECORD',
      /'films' is refused/,
    ),
  )

  it.each([
    ['a key', { ...good, key: 'half a film \ud83c' }],
    ['the value of a header', { ...good, headers: { icon: '\udfac' } }],
    ['the name of a header', { ...good, headers: { '\udfac': 'icon' } }],
  ])('has half a character in %s, which many a store cannot hold', (_, wrong) =>
    expectRefusal(({ films }) => films.write(wrong), 'ERR_INVALID_RECORD', /'films' is refused/),
  )

  it.each(['soon', -1, Number.NaN])('has the time-out %s', (timeout) =>
    expectRefusal(
      ({ films }) => films.write({ ...good, timeout: timeout as never }),
      'ERR_INVALID_DURATION',
      /duration/,
    ),
  )

  it('has a signal that is none', () =>
    expectRefusal(
      ({ films }) => films.write({ ...good, signal: 'SIGTERM' as never }),
      'ERR_INVALID_RECORD',
      /signal/,
    ))

  it('is one of many, of which none is stored', () =>
    expectRefusal(
      ({ films }) => films.writeMany([good, { ...good, delay: -1 }, good]),
      'ERR_INVALID_DELAY',
      /delay/,
    ))
})

describe('text of any kind', () => {
  it('comes back as it was written, in keys, headers and payloads', async () => {
    const directory = await temporaryDirectory()
    const { wal, films } = await openFilms(directory)
    const texts = ['../../etc', 'a\0b', '\u2028', '"};', '\ud83c\udfac', '__proto__', '\ufeff']
    // JSON writes half a character as an escape.
    const titled = (text: string): string => `${text}\ud83c`
    for (const text of texts) {
      const headers = Object.fromEntries([[text, text]])
      await films.write({ key: text, payload: { title: titled(text) }, headers })
    }
    await wal.close()
    const seen: unknown[] = []
    const store: Target<Film> = {
      idempotency: 'version',
      async apply(records) {
        for (const { key, headers, op, payload } of records) {
          seen.push([key, Object.entries(headers), op === 'put' && payload.title])
        }
      },
    }
    const { wal: next } = await openFilms(directory, { targets: { store } })
    await next.start()
    await next.drain()
    expect(seen).toEqual(texts.map((text) => [text, [[text, text]], titled(text)]))
  })
})
