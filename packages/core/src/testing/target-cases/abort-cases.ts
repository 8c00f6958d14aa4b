import { check, within } from '../check.ts'
import type { TargetCase, TargetFixture } from './target-fixture.ts'

/** The signal of an apply. */
export const abortCases: readonly TargetCase[] = [
  { name: 'settles when its signal has aborted already, and is truthful', run: settlesAborted },
  { name: 'settles when its signal aborts while the store does not answer', run: settlesStalled },
]

const heedsSignal = 'Target.apply heeds its signal: until it settles, its keys are held'

function settlesAborted(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const record = fixture.change('put', 'a', 1)
    const applying = store.startApply([record], AbortSignal.abort()).catch(() => undefined)
    const outcomes = await within(fixture.patienceMs, applying, heedsSignal)
    if (outcomes?.[0]?.status !== 'applied') return
    await store.checkHolds('a', record.payload, "A record answered 'applied' is in the store")
  })
}

function settlesStalled(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    // A store that cannot be made to stall is held to the case above.
    if (!store.subject.stall) return settlesAborted(fixture)
    const controller = new AbortController()
    const resume = await store.subject.stall()
    try {
      const record = fixture.change('put', 'a', 1)
      const applying = store.startApply([record], controller.signal)
      const settled = applying.then(
        ([outcome]) => outcome?.status,
        () => 'rejected',
      )
      controller.abort()
      const status = await within(fixture.patienceMs, settled, heedsSignal)
      check(status !== 'applied', 'What the store has not answered is not applied', `${status}`)
    } finally {
      await resume()
    }
  })
}
