import { beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { type Deadline, Deadlines } from '../../src/producer/deadlines.ts'

/** Both of its times are set by hand, as a wall clock that is stepped or frozen does. */
class HandClock implements Clock {
  wall = 5000
  ms = 0
  readings = 0

  now(): number {
    return this.wall
  }

  monotonic(): number {
    this.readings += 1
    return this.ms
  }

  setTimer() {
    return { cancel() {} }
  }
}

describe('Deadlines', () => {
  let clock: HandClock
  let deadlines: Deadlines<Deadline>

  beforeEach(() => {
    clock = new HandClock()
    deadlines = new Deadlines(clock, 100, () => {})
  })

  function add(now?: number): Deadline {
    const one = { deadline: 0, isDone: false }
    deadlines.add(one, now)
    return one
  }

  it('reads the monotonic clock once for what is added in the same millisecond', () => {
    const added = Array.from({ length: 50 }, () => add(clock.now()))
    expect(new Set(added.map(({ deadline }) => deadline))).toEqual(new Set([100]))
    expect(clock.readings).toBe(1)
  })

  it('gives what is added after a busy moment its whole time', () => {
    add(clock.now())
    clock.wall += 7000
    clock.ms += 7000
    expect(add(clock.now()).deadline).toBe(7100)
  })

  it('is not held by a wall clock that stands still, once something has ended', () => {
    add(clock.now()).isDone = true
    clock.ms += 60
    deadlines.dropDone()
    expect(add(clock.now()).deadline).toBe(160)
  })

  it('gives what is added without a time its whole time, whatever was added before', () => {
    add()
    clock.ms += 30
    expect(add().deadline).toBe(130)
    clock.ms += 30
    expect(add(clock.now()).deadline).toBe(160)
  })
})
