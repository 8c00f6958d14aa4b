import { describe, expect, it } from 'vitest'
import { WriteBudget } from '../../src/producer/write-budget.ts'

const never = new AbortController().signal

describe('WriteBudget', () => {
  it('lets bytes in up to its limit', () => {
    const budget = new WriteBudget('b', 100)
    expect(budget.tryTake(60)).toBe(true)
    expect(budget.tryTake(41)).toBe(false)
    expect(budget.tryTake(40)).toBe(true)
    expect(budget.usedBytes).toBe(100)
  })

  it('lets one larger than the whole limit in when nothing else is', () => {
    const budget = new WriteBudget('b', 100)
    expect(budget.tryTake(500)).toBe(true)
    expect(budget.tryTake(1)).toBe(false)
  })

  it('serves those who wait in the order in which they came', async () => {
    const budget = new WriteBudget('b', 100)
    budget.tryTake(100)
    const served: string[] = []
    const large = budget.take(90, never).then(() => served.push('large'))
    const small = budget.take(5, never).then(() => served.push('small'))
    budget.give(50)
    expect(budget.tryTake(1)).toBe(false)
    budget.give(50)
    await Promise.all([large, small])
    expect(served).toEqual(['large', 'small'])
    expect(budget.usedBytes).toBe(95)
  })

  it('takes nothing for one who gives up, and lets the next one in', async () => {
    const budget = new WriteBudget('b', 100)
    budget.tryTake(50)
    const impatient = new AbortController()
    const large = budget.take(90, impatient.signal)
    const small = budget.take(50, never)
    impatient.abort()
    expect(await large).toBe(false)
    expect(await small).toBe(true)
    expect(budget.usedBytes).toBe(100)
  })
})
