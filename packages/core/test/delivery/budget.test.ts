import { describe, expect, test } from 'vitest'
import { DeliveryBudget } from '../../src/delivery/budget.ts'

const never = (): void => expect.unreachable()

describe('the budget of a shard', () => {
  test('has as many slots and bytes as it was given', () => {
    const budget = new DeliveryBudget({ concurrency: 3, bytes: 100 })
    const share = budget.share(never)
    expect([share.take(60), share.take(40), share.take(1)]).toEqual([true, true, false])
    share.leaveLine()
    expect(budget).toMatchObject({ usedSlots: 2, usedBytes: 100 })
  })

  test('lets a batch that is larger than all of it go by itself', () => {
    const budget = new DeliveryBudget({ concurrency: 3, bytes: 100 })
    const share = budget.share(() => {})
    expect(share.take(500)).toBe(true)
    expect(share.take(1)).toBe(false)
    share.give(500)
    expect(share.take(1)).toBe(true)
    expect(share.take(500)).toBe(false)
  })

  test('calls those that wait in the order in which they came', () => {
    const budget = new DeliveryBudget({ concurrency: 1, bytes: 100 })
    const called: string[] = []
    const first = budget.share(() => {})
    const [second, third] = ['second', 'third'].map((name) => {
      const share = budget.share(() => {
        called.push(name)
        share.take(1)
      })
      return share
    })
    first.take(1)
    expect([second?.take(1), third?.take(1), first.take(1)]).toEqual([false, false, false])
    first.give(1)
    expect(called).toEqual(['second'])
    second?.give(1)
    expect(called).toEqual(['second', 'third'])
  })

  test('calls the next one if its turn is not wanted', () => {
    const budget = new DeliveryBudget({ concurrency: 1, bytes: 100 })
    const called: string[] = []
    const first = budget.share(() => {})
    const second = budget.share(() => second.leaveLine())
    const third = budget.share(() => {
      called.push('third')
      third.take(1)
    })
    first.take(1)
    second.take(1)
    third.take(1)
    first.give(1)
    expect(called).toEqual(['third'])
  })
})
