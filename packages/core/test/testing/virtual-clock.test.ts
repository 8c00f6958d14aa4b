import { describe, expect, test } from 'vitest'
import { sleep } from '../../src/clock.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

describe('the virtual clock', () => {
  test('runs timers in the order in which they are due, and lets promises settle between', async () => {
    const clock = new VirtualClock()
    const ran: string[] = []
    clock.setTimer(20, () => ran.push('20'))
    clock.setTimer(10, () => {
      ran.push('10')
      void Promise.resolve().then(() => clock.setTimer(5, () => ran.push('15')))
    })
    clock.setTimer(10, () => ran.push('10 again'))
    await clock.advance(20)
    expect(ran).toEqual(['10', '10 again', '15', '20'])
    expect(clock.monotonic()).toBe(20)
  })

  test('does not run what is cancelled or lies ahead', async () => {
    const clock = new VirtualClock()
    clock.setTimer(10, () => expect.unreachable()).cancel()
    clock.setTimer(11, () => expect.unreachable())
    await clock.advance(10)
    expect(clock.pendingTimers).toBe(1)
  })

  test('runs until a promise settles, and says so if it cannot', async () => {
    const clock = new VirtualClock({ now: 1000 })
    await clock.runUntil(sleep(clock, 500))
    expect(clock.now()).toBe(1500)
    await expect(clock.runUntil(new Promise(() => {}))).rejects.toThrow('no timer is left')
    const late = clock.runUntil(sleep(clock, 500), { withinMs: 100 })
    await expect(late).rejects.toThrow('100 ms have passed')
  })

  test('steps the wall clock alone', () => {
    const clock = new VirtualClock({ now: 1000 })
    clock.stepWallClock(-400)
    expect([clock.now(), clock.monotonic()]).toEqual([600, 0])
  })
})
