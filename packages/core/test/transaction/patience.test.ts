import { describe, expect, it } from 'vitest'
import type { Receipt } from '../../src/producer/receipt.ts'
import { systemRandom } from '../../src/random.ts'
import { RecordIds } from '../../src/record-id.ts'
import type { TransactionStore } from '../../src/transaction/transaction-store.ts'
import { boundStore } from './support/bound-store.ts'
import { one, SharedPlace } from './support/process.ts'

const hourMs = 3_600_000

/** Resolves never. */
const never = (): Promise<never> => new Promise(() => {})

/** The store, one of whose methods does not answer until it is let go. */
function hanging(store: TransactionStore, method: 'get' | 'create' | 'put' | 'addChunk') {
  const { promise: going, resolve: letGo } = Promise.withResolvers<void>()
  const hung = async (...args: unknown[]): Promise<unknown> => {
    await going
    return (store[method] as (...all: unknown[]) => Promise<unknown>)(...args)
  }
  return { store: { ...boundStore(store), [method]: hung } as TransactionStore, letGo }
}

/** Mutations of more than one chunk, so that the store has an open set. */
async function large(tx: Parameters<typeof one>[0]): Promise<void> {
  for (let at = 0; at < 3; at++) {
    await tx.put('base', { key: `k${at}`, payload: new Uint8Array(200_000) })
  }
}

/** What a call comes to, if it comes to anything in that time. */
async function outcomeIn(place: SharedPlace, ms: number, call: Promise<Receipt>): Promise<unknown> {
  let outcome: unknown = 'no answer'
  void call.then(
    ({ durable, error }) => {
      outcome = [durable, error?.code]
    },
    (error) => {
      outcome = error
    },
  )
  await place.clock.advance(ms)
  return outcome
}

describe('the caller of a transaction is answered in time', () => {
  it.each(['time-out', 'signal'] as const)(
    'with a certain no by his %s while build has not ended, and what there was is discarded',
    async (by) => {
      const place = new SharedPlace()
      const abort = new AbortController()
      place.clock.setTimer(500, () => abort.abort())
      let late: Promise<void> | undefined
      const { promise: later, resolve: goOn } = Promise.withResolvers<void>()
      const call = place.process().run(
        async (tx) => {
          await large(tx)
          await later
          late = tx.put('base', { key: 'late', payload: Uint8Array.of(1) }) as Promise<void>
          await late
        },
        by === 'signal' ? { signal: abort.signal } : { timeoutMs: 500 },
      )
      const code = by === 'signal' ? 'ERR_ABORTED' : 'ERR_WRITE_TIMEOUT'
      expect(await outcomeIn(place, 600, call)).toEqual(['no', code])
      const { id } = await call
      expect((await place.store.get(id))?.state).toBe('discarded')
      goOn()
      await place.clock.advance(hourMs)
      await expect(late).rejects.toMatchObject({ code: 'ERR_TRANSACTION_NOT_OPEN' })
      expect(place.queue).toEqual([])
    },
  )

  it('after openFor where he has said nothing and build never ends, and at once where his signal is aborted already', async () => {
    const place = new SharedPlace()
    const process = place.process({ openForMs: 5000 })
    expect(await outcomeIn(place, 4900, process.run(never, {}))).toBe('no answer')
    expect(await outcomeIn(place, 5100, process.run(never, {}))).toEqual([
      'no',
      'ERR_WRITE_TIMEOUT',
    ])
    const aborted = process.run(one, { signal: AbortSignal.abort() })
    expect(await outcomeIn(place, 0, aborted)).toEqual(['no', 'ERR_ABORTED'])
    await place.clock.advance(hourMs)
    expect(place.shelf.size).toBe(0)
  })

  it('with a certain no while the store takes no chunk, which is discarded once it does', async () => {
    const place = new SharedPlace()
    const { store, letGo } = hanging(place.store, 'create')
    const call = place.process({ store }).run(large, { timeoutMs: 500 })
    expect(await outcomeIn(place, 600, call)).toEqual(['no', 'ERR_WRITE_TIMEOUT'])
    letGo()
    await place.clock.advance(1000)
    const states = [...place.shelf.values()].map(({ head }) => head.state)
    expect(states).toEqual(['discarded'])
    await place.clock.advance(hourMs)
    expect(place.queue).toEqual([])
  })

  it("with 'unknown' once it is being sealed, counted from there where he has said nothing", async () => {
    const place = new SharedPlace()
    const { store, letGo } = hanging(place.store, 'create')
    const process = place.process({ store, timeoutMs: 1000 })
    const slow = async (tx: Parameters<typeof one>[0]): Promise<void> => {
      await new Promise<void>((resolve) => place.clock.setTimer(3000, resolve))
      await one(tx)
    }
    const call = process.run(slow, {})
    expect(await outcomeIn(place, 3900, call)).toBe('no answer')
    expect(await outcomeIn(place, 200, call)).toEqual(['unknown', 'ERR_WRITE_TIMEOUT'])
    letGo()
    await place.clock.advance(1000)
    expect(place.queue).toHaveLength(1)
  })

  it("with 'unknown' where he asks again by an id and the store does not tell", async () => {
    const place = new SharedPlace()
    const { id } = await place.process().run(one, {})
    const { store } = hanging(place.store, 'get')
    const call = place.process({ store }).run(never, { id, timeoutMs: 500 })
    expect(await outcomeIn(place, 600, call)).toEqual(['unknown', 'ERR_WRITE_TIMEOUT'])
  })

  it("with 'unknown' where he asks again by an id and its marker cannot be sent, or the store fails", async () => {
    const place = new SharedPlace()
    const memory = { ownsStore: true, namesKeys: true }
    place.answer = () => ({ durable: 'unknown' })
    const { id } = await place.process(memory).run(one, {})
    for (const broken of ['get', 'put'] as const) {
      const gone = () => Promise.reject(new Error('the disk is gone'))
      const store = { ...hanging(place.store, broken).store, [broken]: gone }
      const receipt = await place.process({ ...memory, store }).run(never, { id })
      expect(receipt).toMatchObject({ id, durable: 'unknown' })
      expect(receipt.message).toContain('the disk is gone')
    }
    expect(await place.process(memory).run(never, { id })).toMatchObject({ id, durable: 'unknown' })
  })
  it("with 'unknown' where he asks again by an id that another process has not sealed yet", async () => {
    const place = new SharedPlace()
    const { promise: later, resolve: goOn } = Promise.withResolvers<void>()
    const [writer, other] = [place.process(), place.process()]
    const id = new RecordIds(systemRandom).next(place.clock.now())
    const call = writer.run((tx) => large(tx).then(() => later), { id })
    await place.clock.advance(1)
    expect(await other.run(never, { id })).toMatchObject({ id, durable: 'unknown' })
    goOn()
    expect(await call).toMatchObject({ durable: 'yes' })
    expect(await other.run(never, { id })).toMatchObject({ id, durable: 'yes' })
  })

  it("with a certain 'no' once its namespace is closed and its build has not ended", async () => {
    const place = new SharedPlace()
    const process = place.process()
    const call = process.run((tx) => large(tx).then(never), {})
    const closing = process.idle(500)
    expect(await outcomeIn(place, 499, call)).toBe('no answer')
    const outcome = await outcomeIn(place, 1, call)
    expect(outcome).toEqual(['no', 'ERR_CLOSED'])
    await closing
    expect([...place.shelf.values()].map(({ head }) => head.state)).toEqual(['discarded'])
  })

  it("with 'unknown' once its namespace is closed while it is being sealed", async () => {
    const place = new SharedPlace()
    const { store, letGo } = hanging(place.store, 'create')
    const process = place.process({ store })
    const call = process.run(one, {})
    await place.clock.advance(1)
    const closing = process.idle(500)
    const outcome = await outcomeIn(place, 500, call)
    expect(outcome).toEqual(['unknown', 'ERR_CLOSED'])
    await closing
    letGo()
  })
})
