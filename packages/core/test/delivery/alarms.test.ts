import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Alarms } from '../../src/delivery/alarms.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { seed } from './support/harness.ts'

describe('alarms', () => {
  test('ring in order, each at its time, behind one timer', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ delayMs: fc.nat({ max: 50 }), cancelled: fc.boolean() }), {
          maxLength: 40,
        }),
        async (plan) => {
          const clock = new VirtualClock()
          const alarms = new Alarms(clock)
          const rung: number[] = []
          for (const { delayMs, cancelled } of plan) {
            const alarm = alarms.set(delayMs, () => {
              expect(clock.monotonic()).toBe(delayMs)
              rung.push(delayMs)
            })
            if (cancelled) alarm.cancel()
            expect(clock.pendingTimers).toBe(1)
          }
          await clock.advance(50)
          const expected = plan.filter(({ cancelled }) => !cancelled).map(({ delayMs }) => delayMs)
          expect(rung).toEqual(expected.toSorted((a, b) => a - b))
          expect(clock.pendingTimers).toBe(0)
        },
      ),
      { seed, numRuns: 100 },
    )
  })

  test('may be set by one that rings', async () => {
    const clock = new VirtualClock()
    const alarms = new Alarms(clock)
    const rung: number[] = []
    alarms.set(10, () => alarms.set(5, () => rung.push(clock.monotonic())))
    await clock.advance(20)
    expect(rung).toEqual([15])
  })

  test('do not ring once closed, and none can be set', async () => {
    const clock = new VirtualClock()
    const alarms = new Alarms(clock)
    alarms.set(10, () => expect.unreachable())
    alarms.close()
    alarms.set(10, () => expect.unreachable())
    await clock.advance(20)
    expect(clock.pendingTimers).toBe(0)
  })
})
