import { brief, check, fail, within } from '../check.ts'
import type { TargetCase, TargetFixture } from './target-fixture.ts'

/** What a target may offer beside `apply`; where it does not, there is nothing to hold it to. */
export const offeredCases: readonly TargetCase[] = [
  {
    name: 'validates: a reason for what it will never take, nothing for what it takes',
    run: validates,
  },
  { name: 'reads what it holds, if it offers to', run: reads },
  { name: 'tells its health, if it offers to', run: tellsHealth },
  { name: 'tells how long it remembers deletes, if that ends', run: tellsMemory },
]

function validates(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const { target } = store
    const good = fixture.change('put', 'good', 1)
    const objection = target.validate?.(good)
    check(
      objection === undefined,
      'Target.validate returns undefined for a record that is fine',
      brief(objection),
    )
    await store.apply(good)
    const { refused } = fixture.options
    if (!refused || !target.validate) return
    const bad = fixture.change('put', 'bad', 0, { op: 'put', payload: refused('bad') })
    const reason: unknown = target.validate(bad)
    const sane = reason === undefined || (typeof reason === 'string' && reason !== '')
    check(
      sane,
      'Target.validate returns a reason in words, or undefined if it cannot tell',
      brief(reason),
    )
  })
}

function reads(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const { target } = store
    if (!target.read) return
    const { signal } = new AbortController()
    await store.apply(fixture.change('put', 'a', 1))
    const held = await target.read('a', { signal })
    check(
      held !== undefined && held !== null,
      'Target.read gives what the target holds for a key',
      brief(held),
    )
    if (!store.takes('delete')) return
    await store.apply(fixture.change('delete', 'a', 2))
    const gone = await target.read('a', { signal })
    check(
      gone === undefined || gone === null,
      'Target.read gives nothing for a key deleted',
      brief(gone),
    )
  })
}

function tellsHealth(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async ({ target }) => {
    if (!target.health) return
    const healthy = 'Target.health resolves if the target can be reached'
    const { signal } = new AbortController()
    await within(fixture.patienceMs, target.health({ signal }), healthy).catch((error: unknown) =>
      fail(healthy, brief(error)),
    )
    const aborted = target.health({ signal: AbortSignal.abort() }).catch(() => {})
    await within(fixture.patienceMs, aborted, 'Target.health settles when its signal aborts')
  })
}

function tellsMemory(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async ({ target }) => {
    if (!target.remembersDeletesMs) return
    const { signal } = new AbortController()
    const contract = 'Target.remembersDeletesMs gives a time in ms, or undefined for good'
    const asking = Promise.resolve(target.remembersDeletesMs({ signal }))
    const ms = await within(fixture.patienceMs, asking, contract)
    check(ms === undefined || (typeof ms === 'number' && ms >= 0), contract, brief(ms))
  })
}
