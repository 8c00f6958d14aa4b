import { describe, expect, it } from 'vitest'
import { applied, permanent } from '../../src/target/target.ts'
import { makeRecord, recordingTarget } from '../../src/testing/index.ts'
import { applyTo } from './apply-to.ts'

describe('recordingTarget', () => {
  it('shows what was applied, and in which batches', async () => {
    const target = recordingTarget()
    const [a, b, c] = [makeRecord(), makeRecord(), makeRecord()]
    expect(await applyTo(target, a, b)).toEqual([applied, applied])
    await applyTo(target, c)
    expect(target.applied).toEqual([a, b, c])
    expect(target.batches).toEqual([[a, b], [c]])
  })

  it('answers as it is told, and does not count a failure as applied', async () => {
    const refusal = permanent('REFUSED', 'No.')
    const target = recordingTarget({ answer: ({ op }) => (op === 'delete' ? refusal : applied) })
    const [put, gone] = [makeRecord(), makeRecord({ op: 'delete' })]
    expect(await applyTo(target, gone, put)).toEqual([refusal, applied])
    expect(target.applied).toEqual([put])
  })

  it('declares what it is told to', () => {
    const target = recordingTarget({ idempotency: 'version', ops: ['put'] })
    expect([target.idempotency, target.ops]).toEqual(['version', ['put']])
  })

  it('waits until so many have been applied, and no longer', async () => {
    const target = recordingTarget()
    let waited = false
    const waiting = target.waitFor(2).then(() => {
      waited = true
    })
    await applyTo(target, makeRecord())
    expect(waited).toBe(false)
    await applyTo(target, makeRecord())
    await waiting
    await target.waitFor(1)
  })
})
