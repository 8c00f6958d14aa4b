import { describe, expect, it } from 'vitest'
import { WalError, type WalErrorCode } from '../../../src/errors.ts'
import { fanOut } from '../../../src/persona/fan-out.ts'
import { OverloadedError } from '../../../src/producer/write-budget.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import { walTarget } from '../../../src/target/wal/wal-target.ts'
import { makeRecord, VirtualClock } from '../../../src/testing/index.ts'
import { createWal } from '../../../src/wal.ts'
import { applyTo } from '../http/support/apply-one.ts'
import { filmsWal } from '../support/films-wal.ts'

/** What a target answers for one record where its way answers so. */
async function outcomeFor(durable: 'no' | 'unknown', error?: WalError) {
  const { id, version, ...record } = makeRecord()
  const receipt = { id, version, durable, ...(error && { error }) }
  const target = walTarget({ forward: async () => [receipt] })
  const [outcome] = await applyTo(target, [{ ...record, id, version } as never])
  return outcome
}

describe('what a receipt says of a forwarded record', () => {
  const classes: Readonly<Record<string, readonly WalErrorCode[]>> = {
    permanent: [
      'ERR_INVALID_RECORD',
      'ERR_INVALID_PAYLOAD',
      'ERR_PAYLOAD_TOO_LARGE',
      'ERR_NOT_SERIALIZABLE',
    ],
    transient: ['ERR_TRANSIENT'],
    held: ['ERR_VERSION_AHEAD', 'ERR_UNKNOWN_REGION'],
    throttled: ['ERR_OVERLOADED', 'ERR_THROTTLED'],
    unavailable: ['ERR_DISK_FULL', 'ERR_IO', 'ERR_CLOSED', 'ERR_WRITE_TIMEOUT', 'ERR_CONFIG'],
  }
  for (const [expected, codes] of Object.entries(classes)) {
    it(`is ${expected} for ${codes.join(', ')}`, async () => {
      for (const code of codes) {
        for (const durable of ['no', 'unknown'] as const) {
          const outcome = await outcomeFor(durable, new WalError(code, 'so it is'))
          expect(outcome, code).toMatchObject({ status: expected, code })
          expect(outcome).toHaveProperty('message', `The wal answered '${durable}': so it is`)
        }
      }
    })
  }

  it('says how long to wait where it is overloaded, and is an outage without a reason', async () => {
    const overloaded = new OverloadedError('no room', 70)
    expect(await outcomeFor('no', overloaded)).toMatchObject({ retryAfterMs: 70 })
    expect(await outcomeFor('unknown')).toMatchObject({ status: 'unavailable' })
  })

  it('is an outage where there are too few receipts', async () => {
    const target = walTarget({ forward: async () => [] })
    expect(await applyTo(target, [makeRecord()])).toMatchObject([{ status: 'unavailable' }])
  })
})

describe('walTarget at work', () => {
  it('leaves to core what its function throws, but for a wal that is closed', async () => {
    const throwing = (error: Error) =>
      applyTo(walTarget({ forward: () => Promise.reject(error) }), [makeRecord()])
    await expect(throwing(new TypeError('no such route'))).rejects.toThrow('no such route')
    expect(await throwing(new WalError('ERR_CLOSED', 'closed'))).toMatchObject([
      { status: 'unavailable', code: 'ERR_CLOSED' },
    ])
  })

  it('holds nobody once the signal aborts', async () => {
    const stop = new AbortController()
    const target = walTarget({ forward: () => new Promise(() => {}) })
    const applying = applyTo(target, [makeRecord()], stop.signal)
    stop.abort()
    expect(await applying).toMatchObject([{ status: 'unavailable', code: 'ERR_ABORTED' }])
  })

  it('passes over records of other regions where it is told which to forward', async () => {
    const { wal, store, films } = await filmsWal()
    const target = walTarget({ namespace: films, origins: ['eu', 'us'] })
    const records = ['eu', 'asia', 'us'].map((origin) => makeRecord({ origin }))
    const outcomes = await applyTo(target, records)
    expect(outcomes.map(({ status }) => status)).toEqual(['applied', 'applied', 'applied'])
    await wal.drain()
    expect(store.came).toEqual([records[0]?.id, records[2]?.id])
    await wal.close()
  })

  it('is unavailable until the wal that it is to find is there', async () => {
    const { wal } = await filmsWal()
    let found: typeof wal | undefined
    const target = walTarget({
      wal: () => {
        if (found === undefined) throw new WalError('ERR_NOT_STARTED', 'not yet')
        return found
      },
      namespace: 'films',
    })
    await expect(target.open?.()).rejects.toThrow('not yet')
    found = wal
    await target.open?.()
    expect(await applyTo(target, [makeRecord()])).toEqual([{ status: 'applied' }])
    await wal.close()
  })

  it('refuses options that are wrong, and a namespace that is not there', async () => {
    const { wal, films } = await filmsWal()
    for (const options of [{}, { wal }, { namespace: 'films' }, { wal, namespace: films }]) {
      expect(() => walTarget(options as never)).toThrow(/give a wal and the name/)
    }
    expect(() => walTarget({ forward: 5 } as never)).toThrow(
      /walTarget.forward: must be a function/,
    )
    expect(() => walTarget({ namespace: films, retry: 1 } as never)).toThrow(
      /retry: is not an option/,
    )
    // @ts-expect-error: there is no such namespace
    expect(() => walTarget({ wal, namespace: 'filns' })).toThrow(/no namespace 'filns'/)
    await wal.close()
  })
})

describe('a wal that is forwarded to', () => {
  it('is given the next record of a key once it has taken the one before', async () => {
    const given: (readonly (string | undefined)[])[] = []
    const target = walTarget<{ title: string }>({
      async forward(records) {
        given.push(records.map(({ payload }) => payload?.title))
        // Refuses the first, and would have taken what comes after it.
        const isFirst = given.length === 1
        return records.map(({ id, version }) => ({ id, version, durable: isFirst ? 'no' : 'yes' }))
      },
    })
    const clock = new VirtualClock()
    const wal = await createWal({
      clock,
      namespaces: { films: fanOut({ queue: memoryQueue(), targets: { there: target } }) },
    })
    const write = (title: string) => wal.write('films', { key: 'a', payload: { title } })
    for (const title of ['first', 'second', 'third']) await clock.runUntil(write(title))
    await wal.start()
    await clock.runUntil(wal.drain())
    expect(given.slice(0, 1)).toEqual([['first']])
    expect(given.slice(-3)).toEqual([['first'], ['second'], ['third']])
    await clock.runUntil(wal.close())
  })
})
