import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { type Clock, systemClock } from '../src/clock.ts'
import { type } from '../src/config/payload-type.ts'
import { memoryQueue } from '../src/queue/memory-queue.ts'
import type { ForwardedRecord, WalRecord } from '../src/record.ts'
import { makeRecord } from '../src/testing/index.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'
import { createWal } from '../src/wal.ts'
import { filmsWal } from './target/support/films-wal.ts'
import type { Row } from './testing/versioned-store.ts'

const day = 86_400_000

function film(overrides: Partial<WalRecord<Row>> = {}): ForwardedRecord<Row> {
  const record = makeRecord<Row>({
    payload: { title: 'Rope' },
    origin: 'eu',
    ...overrides,
  } as never)
  return record as ForwardedRecord<Row>
}

/** A wal whose target keeps the records that it is given. */
async function keepingWal(options: object = {}, clock: Clock = systemClock) {
  const came: WalRecord[] = []
  const keep = async (records: readonly WalRecord[]) => void came.push(...records)
  const wal = await createWal({
    clock,
    namespaces: { films: { queue: memoryQueue(), targets: { keep }, ...options } },
  })
  return { wal, came, films: wal.namespace('films') }
}

describe('forward', () => {
  it('keeps what a record is, and begins its delivery anew', async () => {
    const { wal, came, films } = await keepingWal()
    const traceContext = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
    const record = film({
      ...{ key: 'tt1', headers: { by: 'me' }, writtenAt: 1_700_000_000_000, traceContext },
      ...{ target: 'elsewhere', attemptEpoch: 3, transaction: { id: 'tx', index: 2 }, dueAt: 9e15 },
    })
    expect(await films.forward([record])).toEqual([
      { id: record.id, version: record.version, durable: 'yes' },
    ])
    await wal.start()
    await wal.drain()
    const { id, key, op, payload, headers, writtenAt, version } = record
    expect(came).toEqual([
      {
        ...{ id, key, op, payload, headers, writtenAt, version, traceContext },
        ...{ namespace: 'films', origin: 'eu', attemptEpoch: 0 },
        ...{
          target: undefined,
          transaction: undefined,
          dueAt: undefined,
          encryptionKeyId: undefined,
        },
      },
    ])
    await wal.close()
  })

  it('gives later writes of the key a version above the forwarded one, also after a restart', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'daybook-forward-'))
    const ahead = BigInt(Date.now() + 3_600_000) * 1000n + 7n
    const first = await filmsWal({ directory })
    await first.films.forward([film({ key: 'tt1', version: ahead })])
    const { version } = await first.films.write({ key: 'tt1', payload: {} })
    expect(version).toBeGreaterThan(ahead)
    await first.wal.close()
    const second = await filmsWal({ directory })
    expect((await second.films.write({ key: 'other', payload: {} })).version).toBeGreaterThan(
      version,
    )
    await second.wal.close()
    await rm(directory, { recursive: true })
  })

  it('answers for each record, so that one that is wrong harms no other', async () => {
    const { wal, store, films } = await filmsWal()
    const good = [film({ key: 'a' }), film({ key: 'b', op: 'delete', payload: undefined } as never)]
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ id: 'x' }, /the id is 'x'/],
      [{ op: 'upsert' }, /op is 'upsert'/],
      [{ key: undefined }, /the key is undefined/],
      [{ origin: '' }, /the origin is ''/],
      [{ writtenAt: -1 }, /writtenAt is -1/],
      [{ headers: { a: 1 } }, /header 'a' is not a string/],
      [{ payload: undefined }, /a put has a payload/],
      [{ version: 12 }, /version is 12; it must be a bigint/],
      [{ version: 2n ** 53n }, /must be a bigint from 1/],
      [{ payload: { year: -1 } }, /target 'store' will never take it: no such year/],
      [{ traceContext: {} }, /traceContext must hold a traceparent/],
    ]
    const bad = wrong.map(([fields]) => ({ ...film(), ...fields }) as ForwardedRecord<Row>)
    const receipts = await films.forward([good[0], ...bad, null, good[1]] as never)
    expect(receipts.map(({ durable }) => durable)).toEqual([
      'yes',
      ...[...bad, 0].map(() => 'no'),
      'yes',
    ])
    for (const [at, [, reason]] of wrong.entries()) {
      expect(receipts[at + 1]).toMatchObject({ message: expect.stringMatching(reason) })
      expect(receipts[at + 1]?.error).toMatchObject({
        code: 'ERR_INVALID_RECORD',
        retryable: false,
      })
    }
    await wal.drain()
    expect(store.came).toEqual(good.map(({ id }) => id))
    await wal.close()
  })

  it('puts off a version that is more than a day ahead, until it is not any more', async () => {
    const clock = new VirtualClock()
    const { wal, films } = await keepingWal({}, clock)
    const record = film({ version: BigInt(clock.now() + day + 60_000) * 1000n })
    expect(await films.forward([record])).toMatchObject([
      { durable: 'no', error: { code: 'ERR_VERSION_AHEAD', retryable: true } },
    ])
    await clock.advance(60_000)
    expect(await films.forward([record])).toMatchObject([{ durable: 'yes' }])
    await wal.close()
  })

  it('runs no schema again, and waits for the delay of the namespace', async () => {
    const payload = z.object({ seen: z.string().transform((text) => text.length) })
    const clock = new VirtualClock()
    const { wal, came, films } = await keepingWal({ payload, delay: '10s' }, clock)
    await wal.start()
    const forwarded = film({ payload: { seen: 12 }, version: 5n } as never)
    expect(await films.forward([forwarded])).toMatchObject([{ durable: 'yes' }])
    await clock.advance(9_000)
    expect(came).toEqual([])
    await clock.advance(2_000)
    expect(came).toMatchObject([{ payload: { seen: 12 } }])
    const closing = wal.close()
    await clock.advance(20_000)
    await closing
  })

  it('is for arrays, and not for a wal that is closed', async () => {
    const { wal, films } = await filmsWal()
    await expect(films.forward(film() as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_RECORD',
    })
    expect(await films.forward([])).toEqual([])
    await wal.close()
    await expect(films.forward([film()])).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('is done again without harm, and changes nothing that is newer', async () => {
    const { wal, store, films } = await filmsWal()
    const [older, newer] = [
      film({ key: 'k', payload: { year: 1 } }),
      film({ key: 'k', payload: { year: 2 } }),
    ]
    let superseded = 0
    wal.on('superseded', ({ records }) => {
      superseded += records.length
    })
    for (const record of [newer, older, newer, older]) await films.forward([record])
    await wal.drain()
    expect(superseded).toBe(3)
    expect(await store.read('k')).toEqual({ year: 2 })
    await wal.close()
  })
})

describe('a target that does not guard by version', () => {
  const warnings: Error[] = []
  const listen = (warning: Error): void => {
    if ((warning as { code?: string }).code === 'DAYBOOK_FORWARD_ORDER') warnings.push(warning)
  }
  afterEach(() => {
    process.off('warning', listen)
    warnings.length = 0
  })
  const trail = (place: string) => ({ headers: { 'daybook-trail': place } })
  const settle = () => new Promise((resolve) => setImmediate(resolve))

  it('is warned of once where records are written and forwarded', async () => {
    process.on('warning', listen)
    const { wal, films } = await keepingWal({ payload: type<Row>() })
    await films.write({ key: 'a', payload: {} })
    await settle()
    expect(warnings).toEqual([])
    for (let times = 0; times < 3; times++)
      await films.forward([film(trail('eu/films#1') as never)])
    await settle()
    expect(warnings).toHaveLength(1)
    expect(warnings[0]?.message).toContain("target 'keep' does not guard by version")
    await wal.close()
  })

  it('is warned of where two namespaces forward, but not where one does that was opened again', async () => {
    process.on('warning', listen)
    const { wal, films } = await keepingWal()
    await films.forward([film(trail('eu/films#1') as never), film(trail('eu/films#2') as never)])
    await settle()
    expect(warnings).toEqual([])
    await films.forward([film(trail('us/films#3') as never)])
    await vi.waitFor(() => expect(warnings).toHaveLength(1))
    await wal.close()
  })
})
