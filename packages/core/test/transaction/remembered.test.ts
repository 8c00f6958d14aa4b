import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { HeadChanges } from '../../src/transaction/head-changes.ts'
import { encodeMarker, markerRecord } from '../../src/transaction/marker.ts'
import { memoryTransactionStore } from '../../src/transaction/memory-transactions.ts'
import type { TransactionHead } from '../../src/transaction/transaction-store.ts'
import { TransactionsAtTargets } from '../../src/transaction/transactions-at-targets.ts'

const progress = { state: 'waiting', mutations: 0, applied: 0, attemptedAt: 0 } as const

/** Sealed, of no mutations, for the targets of two processes. */
function sealed(id: string): TransactionHead {
  return {
    ...{ id, revision: 1, state: 'sealed', openedAt: 0, changedAt: 0, mutations: 0, bytes: 0 },
    ...{ chunks: 0, checksum: 0, span: 1, version: undefined },
    targets: { base: progress, index: progress },
  }
}

function markerOf(id: string) {
  const marker = { mutations: 0, targets: { base: { mutations: 0 }, index: { mutations: 0 } } }
  return markerRecord({
    ...{ id, namespace: 'rows', origin: 'local', now: 0, version: 16n },
    ...{ mutations: 0, payload: encodeMarker(marker) },
  })
}

function processes() {
  const store = memoryTransactionStore()
  const clock = new VirtualClock()
  const changes = new HeadChanges({ store, clock, onChange: () => {} })
  const common = { namespace: 'rows', store, changes, clock, patienceMs: 60_000 }
  return {
    store,
    ...{ first: new TransactionsAtTargets(common), second: new TransactionsAtTargets(common) },
  }
}

const count = 10_000
const ids = Array.from({ length: count }, (_, at) => `id ${at}`)

describe('a process that applies transactions', () => {
  it('remembers few of those whose other target another process has applied', async () => {
    const { store, first, second } = processes()
    for (const id of ids) {
      await store.create(sealed(id), [])
      for (const [process, target] of [[first, 'base'] as const, [second, 'index'] as const]) {
        const beginning = await process.begin(markerOf(id), target)
        if (beginning.kind !== 'ready') throw new Error(`it is ${beginning.kind}`)
        await beginning.run.end()
      }
      await store.remove(id)
    }
    expect(first.remembered).toBeLessThanOrEqual(1_000)
    expect(second.remembered).toBeLessThanOrEqual(1_000)
  })

  it('remembers few of those that failed here and were handed to another process', async () => {
    const { store, first } = processes()
    for (const id of ids) {
      await store.create(sealed(id), [])
      const beginning = await first.begin(markerOf(id), 'base')
      if (beginning.kind !== 'ready') throw new Error(`it is ${beginning.kind}`)
      beginning.run.failedAt(markerOf(id))
    }
    expect(first.remembered).toBeLessThanOrEqual(2_000)
  })

  it('waits for every one whose parts it does not see, of as many as a target holds', async () => {
    const { first } = processes()
    for (const id of ids)
      expect(await first.begin(markerOf(id), 'base')).toMatchObject({ kind: 'notYet' })
    expect(first.remembered).toBe(count)
  })
})
