import { expect, it } from 'vitest'
import { type Clock, systemClock } from '../../src/index.ts'
import { memoryTransactionStore } from '../../src/testing/index.ts'
import { HeadChanges } from '../../src/transaction/head-changes.ts'
import { encodeMarker, markerRecord } from '../../src/transaction/marker.ts'
import { OpenTransactionRun } from '../../src/transaction/transaction-run.ts'
import type { TransactionHead } from '../../src/transaction/transaction-store.ts'

const id = '019ab3f0-0000-7000-8000-000000000001'
const now = 1_763_971_200_000
const marker = markerRecord({
  ...{ id, namespace: 'shop', origin: 'local', now, version: 64n },
  mutations: 3,
  payload: encodeMarker({ mutations: 3, targets: { rows: { mutations: 3 } } }),
})
const head: TransactionHead = {
  ...{ id, revision: 1, state: 'applying', openedAt: now, changedAt: now, mutations: 3, bytes: 0 },
  ...{ chunks: 0, checksum: 0, span: 1, version: 64n },
  targets: { rows: { state: 'applying', mutations: 3, applied: 0, attemptedAt: 0 } },
}

let ticks = 0
/** Between any two looks at it so much time goes by that progress is noted. */
const clock: Clock = { ...systemClock, monotonic: () => 1000 * ticks++ }

it('an attempt that another one has overtaken does not set the progress back', async () => {
  const store = memoryTransactionStore()
  await store.create(head, [])
  const changes = new HeadChanges({ store, clock, onChange: () => {} })
  const attempt = () =>
    new OpenTransactionRun({
      ...{ store, changes, clock, head, target: 'rows', marker, progressed: false },
      ...{ onFailed: () => {}, onApplied: () => {}, onStopped: () => {} },
      onUnreadable: () => {},
    })
  const [slow, fast] = [attempt(), attempt()]
  await fast.advance(2)
  await slow.advance(1)
  expect((await store.get(id))?.targets['rows']).toMatchObject({ state: 'applying', applied: 2 })
  await fast.advance(1)
  await fast.end()
  await slow.advance(1)
  await slow.end()
  expect((await store.get(id))?.targets['rows']).toMatchObject({ state: 'applied', applied: 3 })
})

it('an attempt finds nothing more to do where another one has ended and the chunks are gone, and fails where they are lost', async () => {
  const waiting = { ...head, chunks: 1 }
  const store = memoryTransactionStore()
  await store.create(waiting, [])
  const changes = new HeadChanges({ store, clock, onChange: () => {} })
  const attempt = () =>
    new OpenTransactionRun({
      ...{ store, changes, clock, target: 'rows', marker, progressed: false },
      ...{ head: waiting, onFailed: () => {}, onApplied: () => {}, onStopped: () => {} },
      onUnreadable: () => {},
    })
  await expect(attempt().next({ maxRecords: 1, maxBytes: 1 })).rejects.toThrow('Chunk 0')
  await changes.progress(id, 'rows', () => ({ state: 'applied', applied: 3 }))
  const late = attempt()
  expect(await late.next({ maxRecords: 1, maxBytes: 1 })).toEqual([])
  await late.end()
  expect((await store.get(id))?.targets['rows']).toMatchObject({ state: 'applied', applied: 3 })
})
