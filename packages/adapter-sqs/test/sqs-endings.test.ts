import { VirtualClock } from '@daybook/core/testing'
import { describe, expect, test, vi } from 'vitest'
import { SqsCalls } from '../src/sqs-calls.ts'
import { SqsEndings, type SqsEndingsOptions } from '../src/sqs-endings.ts'
import type { Held } from '../src/sqs-held.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Endings whose deletions are answered by hand. */
function setUp() {
  const clock = new VirtualClock()
  const calls: { readonly receipts: string[]; readonly end: PromiseWithResolvers<object> }[] = []
  const client = {
    deleteMessageBatch({ Entries }: { Entries: { ReceiptHandle: string }[] }) {
      const end = Promise.withResolvers<object>()
      calls.push({ receipts: Entries.map(({ ReceiptHandle }) => ReceiptHandle), end })
      return end.promise
    },
  }
  const there = new Set<Held>()
  const held = {
    end: (one: Held) => Object.assign(one, { state: 'ending' }),
    has: (one: Held) => there.has(one),
    remove: (one: Held) => there.delete(one),
    lose: (lease: object) => {
      for (const one of there) if (one.lease === lease) there.delete(one)
    },
  }
  const endings = new SqsEndings({
    ...{ clock, held, settings: { client, queueUrl: 'records.fifo', isFifo: true }, deleted() {} },
    calls: new SqsCalls(clock, 1_000),
  } as unknown as SqsEndingsOptions)
  const leases = new Map<string, object>()
  const hold = (group: string, count: number, key = group): Held[] =>
    Array.from({ length: count }, (_, at) => {
      const lease = leases.get(group) ?? {}
      leases.set(group, lease)
      const message = { group, lease, receipt: `${group}${at}`, record: { key } }
      const one = { ...message, state: 'leased' } as unknown as Held
      there.add(one)
      return one
    })
  return { endings, calls, hold }
}

describe('deletions of what a FIFO queue has handed out', () => {
  test('go for a group in one call as far as it holds them, and for its last once the others are gone', async () => {
    const { endings, calls, hold } = setUp()
    const [a, b, c] = [hold('a', 7), hold('b', 12), hold('c', 1)]
    const done = endings.done([...a, ...b, ...c])
    expect(calls.map(({ receipts }) => receipts)).toEqual([
      a.slice(0, 6).map(({ receipt }) => receipt),
      b.slice(0, 10).map(({ receipt }) => receipt),
    ])
    for (const { end } of calls) end.resolve({})
    await turn()
    expect(calls[2]?.receipts).toEqual(['b10'])
    expect(calls).toHaveLength(3)
    calls[2]?.end.resolve({})
    await turn()
    expect(calls[3]?.receipts).toEqual(['a6', 'b11', 'c0'])
    calls[3]?.end.resolve({})
    await done
    expect(endings.deleting).toBe(0)
  })

  test('that failed for one before the last of a group leave its last, and no other', async () => {
    const { endings, calls, hold } = setUp()
    const [a, b] = [hold('a', 3), hold('b', 3)]
    const done = endings.done([...a, ...b])
    calls[0]?.end.resolve({ Failed: [{ Id: '0', Code: 'InternalError' }] })
    await turn()
    expect(calls.map(({ receipts }) => receipts)).toEqual([['a0', 'a1', 'b0', 'b1'], ['b2']])
    calls[1]?.end.resolve({})
    await expect(done).rejects.toMatchObject({ code: 'ERR_IO' })
    expect([...a, ...b].map(({ state }) => state)).toEqual([
      'leased',
      'ending',
      'leased',
      'ending',
      'ending',
      'ending',
    ])
    expect(endings.deleting).toBe(0)
  })

  test('leave the last of a key also where the redriven one before it, of a group of its own, has failed', async () => {
    const { endings, calls, hold } = setUp()
    const [copy, later, other] = [hold('redriven', 1, 'k'), hold('k', 2), hold('b', 1)]
    const done = endings.done([...copy, ...later, ...other])
    expect(calls.map(({ receipts }) => receipts)).toEqual([['redriven0', 'k0']])
    calls[0]?.end.resolve({ Failed: [{ Id: '0', Code: 'InternalError' }] })
    await turn()
    expect(calls[1]?.receipts).toEqual(['b0'])
    calls[1]?.end.resolve({})
    await expect(done).rejects.toMatchObject({ code: 'ERR_IO' })
    expect([...copy, ...later].map(({ state }) => state)).toEqual(['leased', 'ending', 'leased'])
    expect(endings.deleting).toBe(0)
  })

  test('are an ack that fails only once none of them is under way, so that the next try has them all', async () => {
    const { endings, calls, hold } = setUp()
    const a = [hold('a', 10), hold('b', 10)].map((held) => held.slice(0, 9))
    const failed = vi.fn()
    endings.done(a.flat()).catch(failed)
    calls[0]?.end.reject(new Error('cut'))
    await turn()
    expect(failed).not.toHaveBeenCalled()
    calls[1]?.end.reject(new Error('cut'))
    await turn()
    expect(failed).toHaveBeenCalled()
    expect(new Set(a.flat().map(({ state }) => state))).toEqual(new Set(['leased']))
  })

  test.each([
    ['a call that is lost', (end: PromiseWithResolvers<object>) => end.reject(new Error('cut'))],
    [
      'a lease that is lost',
      (end: PromiseWithResolvers<object>) =>
        end.resolve({ Failed: [{ Id: '0', Code: 'ReceiptHandleIsInvalid' }] }),
    ],
  ])('leave the later ones of a group alone after %s', async (_, fail) => {
    const { endings, calls, hold } = setUp()
    const a = hold('a', 12)
    const done = endings.done(a).catch(() => {})
    fail(calls[0]?.end as PromiseWithResolvers<object>)
    await done
    expect(calls).toHaveLength(1)
    expect(endings.deleting).toBe(0)
  })

  test('that failed leave what was behind them to be deleted by another ack', async () => {
    const { endings, calls, hold } = setUp()
    const a = hold('a', 12)
    const done = endings.done(a)
    calls[0]?.end.reject(new Error('cut'))
    await expect(done).rejects.toMatchObject({ name: 'WalError' })
    expect(new Set(a.map(({ state }) => state))).toEqual(new Set(['leased']))
  })
})
