import { describe, expect, it } from 'vitest'
import { applied, transient } from '../../src/target/target.ts'
import {
  faultyTarget,
  makeRecord,
  recordingTarget,
  type TargetFaults,
  VirtualClock,
} from '../../src/testing/index.ts'
import { applyTo } from './apply-to.ts'
import { VersionedStore } from './versioned-store.ts'

describe('faultyTarget', () => {
  it('lets everything through where there are no faults', async () => {
    const { target, store } = faulty({})
    const records = [makeRecord(), makeRecord()]
    expect(await applyTo(target, ...records)).toEqual([applied, applied])
    expect(store.applied).toEqual(records)
  })

  it('rejects a batch that the store has not seen', async () => {
    const { target, store } = faulty({ refuse: () => new Error('no route') })
    await expect(applyTo(target, makeRecord())).rejects.toThrow('no route')
    expect(store.applied).toEqual([])
  })

  it('rejects a batch that the store has applied', async () => {
    const { target, store } = faulty({ loseAnswer: () => new Error('reset') })
    await expect(applyTo(target, makeRecord())).rejects.toThrow('reset')
    expect(store.applied).toHaveLength(1)
  })

  it('fails the records chosen and applies the others, each with its own attempt', async () => {
    const busy = transient('BUSY', 'Later.')
    const seen: number[] = []
    const store = recordingTarget({
      answer: (_, { attempts }) => {
        seen.push(...attempts)
        return applied
      },
    })
    const [a, b, c] = [makeRecord({ key: 'a' }), makeRecord({ key: 'b' }), makeRecord({ key: 'c' })]
    const fail: TargetFaults<unknown>['fail'] = ({ key }) => (key === 'b' ? busy : undefined)
    expect(await applyTo(faultyTarget(store, { fail }), a, b, c)).toEqual([applied, busy, applied])
    expect(store.applied).toEqual([a, c])
    expect(seen.slice(0, 2)).toEqual([1, 3])
  })

  it('does not call the store for a batch of which every record fails', async () => {
    const { target, store } = faulty({ fail: () => transient('BUSY', 'Later.') })
    await applyTo(target, makeRecord())
    expect(store.batches).toEqual([])
  })

  it('applies a batch twice', async () => {
    const { target, store } = faulty({ repeat: () => true })
    const record = makeRecord()
    expect(await applyTo(target, record)).toEqual([applied])
    expect(store.applied).toEqual([record, record])
  })

  it('delays a batch on its way', async () => {
    const clock = new VirtualClock()
    const { target, store } = faulty({ delayMs: () => 1_000, clock })
    const applying = applyTo(target, makeRecord())
    await clock.advance(999)
    expect(store.batches).toEqual([])
    await clock.advance(1)
    expect(await applying).toEqual([applied])
  })

  it('keeps the other members of a target, also of a class', async () => {
    const store = new VersionedStore()
    const target = faultyTarget(store, {})
    await applyTo(target, makeRecord({ key: 'a', payload: { title: 'A' } }))
    expect(target.idempotency).toBe('version')
    expect(await target.read?.('a', { signal: new AbortController().signal })).toEqual({
      title: 'A',
    })
    expect(target.validate).toBeUndefined()
    const told = { passesOn: true, guardsFields: true, appliesInOrder: 'key' } as const
    expect(faultyTarget({ ...told, idempotency: 'id', apply: async () => {} }, {})).toMatchObject(
      told,
    )
  })
})

function faulty(faults: TargetFaults<unknown>) {
  const store = recordingTarget()
  return { store, target: faultyTarget(store, faults) }
}
