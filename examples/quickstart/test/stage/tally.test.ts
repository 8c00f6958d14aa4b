import { describe, expect, it } from 'vitest'
import { changeName } from '../../src/stage/check.ts'
import { TargetTally } from '../../src/stage/tally.ts'

const record = { key: 'a', version: '7' }
const name = changeName('a', 7n)
const target = 'search'

describe('TargetTally', () => {
  it('counts a change that comes again as redelivered, and keeps what became of it first', () => {
    const tally = new TargetTally()
    tally.take({ event: 'applied', target, records: [record] })
    tally.take({ event: 'superseded', target, records: [record] })
    expect(tally.redelivered).toBe(1)
    expect([...tally.with('applied')]).toEqual([name])
    expect(tally.settled).toBe(1)
  })

  it('counts a change as redelivered that the store had when the service was killed', () => {
    const tally = new TargetTally()
    tally.foundApplied(new Set([name]))
    expect(tally.redelivered).toBe(0)
    tally.take({ event: 'applied', target, records: [record] })
    expect(tally.redelivered).toBe(1)
  })

  it('does not count a redriven dead letter as redelivered', () => {
    const tally = new TargetTally()
    tally.take({ event: 'deadLettered', target, record, code: 'no_title', attempts: 1 })
    expect([...tally.with('dead')]).toEqual([name])
    tally.take({ event: 'superseded', target, records: [record] })
    expect(tally.redelivered).toBe(0)
    expect(tally.with('dead').size).toBe(0)
    expect([...tally.with('superseded')]).toEqual([name])
  })

  it('counts the attempts that failed, and those that were cut off when the service died', () => {
    const tally = new TargetTally()
    for (const spent of [1, 2]) {
      tally.take({ event: 'retry', target, record, code: 'EBUSY', spent })
    }
    expect(tally.failedAttempts).toBe(2)
    tally.take({ event: 'recovered', target, record, spent: 3 })
    expect(tally.retried).toBe(3)
    expect(tally.failedAttempts).toBe(2)
  })
})
