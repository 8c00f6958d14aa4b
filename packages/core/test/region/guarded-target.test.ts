import { describe, expect, it } from 'vitest'
import type { WalRecord } from '../../src/record.ts'
import { type Guard, guarded } from '../../src/region/guarded-target.ts'
import {
  type ApplyContext,
  applied,
  held,
  type Outcome,
  permanent,
  superseded,
  type Target,
} from '../../src/target/target.ts'
import { makeRecord } from '../../src/testing/make-record.ts'

const later = held('LATER', 'not yet')

/** A target that answers with what it is told, and remembers what came. */
function targetOf(answer?: (record: WalRecord) => Outcome) {
  const came: { keys: (string | undefined)[]; attempts: readonly number[] }[] = []
  const target: Target = {
    idempotency: 'version',
    appliesInOrder: true,
    async apply(records, { attempts }) {
      came.push({ keys: records.map(({ key }) => key), attempts })
      return answer === undefined ? undefined : records.map(answer)
    },
  }
  return { target, came }
}

const context: ApplyContext = {
  namespace: 'rows',
  target: 'store',
  signal: new AbortController().signal,
  attempts: [1, 2, 3],
}

const guardOf = (verdicts: Readonly<Record<string, Outcome>>, told: unknown[] = []): Guard => ({
  verdict: ({ id }) => verdicts[id],
  told: ({ id }, outcome) => void told.push([id, outcome?.status ?? 'applied']),
})

const records = ['a', 'b', 'a'].map((key) => makeRecord({ key }))
const [first, second, third] = records.map(({ id }) => id) as [string, string, string]

describe('a guarded target', () => {
  it('is given what its guard lets through, and its outcomes stand at their places', async () => {
    const { target, came } = targetOf(({ key }) => (key === 'a' ? superseded : applied))
    const told: unknown[] = []
    const guard = guardOf({ [second]: permanent('NO', 'never') }, told)
    expect(await guarded(target, guard).apply(records, context)).toMatchObject([
      { status: 'superseded' },
      { status: 'permanent', code: 'NO' },
      { status: 'superseded' },
    ])
    expect(came).toEqual([{ keys: ['a', 'a'], attempts: [1, 3] }])
    expect(told).toEqual([
      [first, 'superseded'],
      [third, 'superseded'],
    ])
  })

  it('takes no answer for applied, beside what the guard has said', async () => {
    const { target } = targetOf()
    const outcomes = await guarded(target, guardOf({ [first]: permanent('NO', 'never') })).apply(
      records,
      context,
    )
    expect(outcomes?.map(({ status }) => status)).toEqual(['permanent', 'applied', 'applied'])
  })

  it('is not given the later records of a key of which one is held', async () => {
    const { target, came } = targetOf()
    const outcomes = await guarded(target, guardOf({ [first]: later })).apply(records, context)
    expect(outcomes?.map(({ status }) => status)).toEqual(['held', 'applied', 'held'])
    expect(came).toEqual([{ keys: ['b'], attempts: [2] }])
  })

  it('is not asked where nothing is let through', async () => {
    const { target, came } = targetOf()
    const all = guardOf({ [first]: later, [second]: later })
    expect(await guarded(target, all).apply(records, context)).toEqual([later, later, later])
    expect(came).toEqual([])
  })

  it('shows an answer with too few outcomes as it is', async () => {
    const { target } = targetOf()
    const broken: Target = { ...target, apply: async () => [applied] }
    const guard = guardOf({ [first]: permanent('NO', 'never') })
    expect(await guarded(broken, guard).apply(records, context)).toEqual([applied])
  })

  it('has the members of the target, and no others', () => {
    const { target } = targetOf()
    const health = async () => {}
    expect('health' in guarded(target, guardOf({}))).toBe(false)
    const whole = guarded(
      { ...target, health, remembersDeletesMs: () => 5, passesOn: true },
      guardOf({}),
    )
    expect(whole).toMatchObject({ idempotency: 'version', appliesInOrder: true, passesOn: true })
    expect(whole.health).toBeDefined()
    expect(whole.remembersDeletesMs?.({ signal: context.signal })).toBe(5)
  })
})
