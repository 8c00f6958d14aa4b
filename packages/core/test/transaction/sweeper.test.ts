import { describe, expect, it } from 'vitest'
import type { StoredRecord } from '../../src/record.ts'
import { markerOf } from '../../src/transaction/marker.ts'
import type { TransactionStore } from '../../src/transaction/transaction-store.ts'
import { one, SharedPlace, two } from './support/process.ts'

const hourMs = 3_600_000

const never = (): Promise<never> => new Promise(() => {})

/** Mutations of more than one chunk, so that the store has an open set. */
async function large(tx: Parameters<typeof one>[0]): Promise<void> {
  for (let at = 0; at < 3; at++) {
    await tx.put('base', { key: `k${at}`, payload: new Uint8Array(200_000) })
  }
}

/** The store, which fails where it is told to. */
function failing(
  { store }: SharedPlace,
  fails: (method: string, about: unknown) => boolean,
): TransactionStore {
  const tried = (method: string, about: unknown): Promise<void> =>
    fails(method, about) ? Promise.reject(new Error(`no ${method}`)) : Promise.resolve()
  return {
    create: (head, chunks) => store.create(head, chunks),
    addChunk: (id, index, bytes) => store.addChunk(id, index, bytes),
    put: (head) => tried('put', head.id).then(() => store.put(head)),
    get: (id) => store.get(id),
    chunk: (id, index) => store.chunk(id, index),
    list: (filter) => tried('list', filter.state).then(() => store.list(filter)),
    remove: (id) => tried('remove', id).then(() => store.remove(id)),
    close: () => store.close(),
  }
}

describe('what looks after transactions', () => {
  it.each([{ ownsStore: true, namesKeys: true }, { ownsStore: false }])(
    'sends markers that were left out although the store cannot change an open head (%o)',
    async (kind) => {
      const place = new SharedPlace()
      const writer = place.process(kind)
      void writer.run((tx) => large(tx).then(never), { timeoutMs: 100 * hourMs })
      await place.clock.advance(1)
      const [stuck] = [...place.shelf.keys()]
      place.answer = () => ({ durable: 'unknown' })
      const { id } = await writer.run(one, {})
      place.answer = () => ({ durable: 'yes' })
      const store = failing(place, (method, about) => method === 'put' && about === stuck)
      const next = place.process({ ...kind, store })
      await next.begin()
      await place.clock.advance(2 * hourMs)
      expect(place.queue.map((marker) => marker.id)).toEqual([id])
      expect(place.errors).toContainEqual(new Error('no put'))
    },
  )

  it('takes each step although another one cannot be', async () => {
    for (const state of ['open', 'sealed', 'applied'] as const) {
      const place = new SharedPlace()
      const asked: string[] = []
      const store = failing(place, (method, about) => {
        if (method === 'list') asked.push(String(about))
        return method === 'list' && about === state
      })
      await place.process({ store }).sweep()
      expect(asked).toEqual(expect.arrayContaining(['open', 'sealed', 'applied']))
      expect(place.errors).toEqual([new Error('no list')])
    }
  })

  it('sends the marker of one that a salvaged log has lost, once and for what is under way', async () => {
    const place = new SharedPlace()
    const own = { ownsStore: true, namesKeys: true }
    const { id } = await place.process(own).run(two, {})
    const head = await place.store.get(id)
    const { base, index } = head?.targets ?? {}
    if (head === undefined || base === undefined || index === undefined) throw new Error('no head')
    place.queue.length = 0
    const targets = {
      base: { ...base, state: 'parked' },
      index: { ...index, state: 'applying' },
    } as const
    const marker = { state: 'sending', at: 0, isRepeat: true } as const
    await place.store.put({ ...head, revision: 2, state: 'parked', version: 16n, targets, marker })
    const next = place.process(own)
    await next.begin()
    await next.sweep()
    expect(place.queue.map(({ version }) => version)).toEqual([16n])
    expect(Object.keys(markerOf(place.queue[0] as StoredRecord)?.targets ?? {})).toEqual(['index'])
  })

  it('forgets those behind one that the store cannot remove', async () => {
    const place = new SharedPlace()
    const process = place.process()
    const ids: string[] = []
    for (let at = 0; at < 150; at++) ids.push((await process.run(one, {})).id)
    for (const id of ids) {
      const head = await place.store.get(id)
      if (head !== undefined) await place.store.put({ ...head, revision: 2, state: 'applied' })
    }
    await place.clock.advance(2 * hourMs)
    const store = failing(place, (method, about) => method === 'remove' && about === ids[0])
    await place.process({ store }).sweep()
    expect([...place.shelf.keys()]).toEqual([ids[0]])
    expect(place.errors).toEqual([new Error('no remove')])
  })
})
