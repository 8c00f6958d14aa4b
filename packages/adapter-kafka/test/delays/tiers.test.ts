import { makeStoredRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { hopAtOf, Tiers, withoutHop } from '../../src/delays/tiers.ts'
import { messageOf } from '../../src/kafka-message.ts'
import { recordOf } from '../../src/kafka-record.ts'

const tiers = new Tiers([86_400_000, 3_600_000, 60_000, 10_000])

test('a delay is made up of hops down the tiers, none of them past the end', () => {
  const dueAt = 2 * 86_400_000 + 5 * 3_600_000 + 61_000 + 9_999
  let now = 0
  let message = messageOf(makeStoredRecord({ dueAt }))
  const hops: number[] = []
  while (now < dueAt) {
    const placed = tiers.place(message, dueAt, now)
    hops.push(placed.partition)
    now = hopAtOf(placed.message)
    expect(now).toBeLessThanOrEqual(dueAt)
    message = withoutHop(placed.message)
  }
  expect(hops).toEqual([0, 0, 1, 1, 1, 1, 1, 2, 3, 4])
  expect(now).toBe(dueAt)
  expect(message).toEqual(messageOf(makeStoredRecord({ ...recordParts(message), dueAt })))
})

test('what is due within the shortest span goes to where it is sorted', () => {
  const { partition, message } = tiers.place(messageOf(makeStoredRecord()), 9_000.5, 0)
  expect([partition, hopAtOf(message)]).toEqual([tiers.last, 9_001])
  expect(tiers.partitions).toBe(tiers.last + 1)
})

test('a message that does not say when goes on at once', () => {
  const message = messageOf(makeStoredRecord())
  expect(hopAtOf(message)).toBe(0)
  const headers = new Map([...message.headers, ['daybook-hop-at', Buffer.from('soon')] as const])
  expect(hopAtOf({ ...message, headers })).toBe(0)
})

function recordParts(message: ReturnType<typeof messageOf>) {
  const { id, key, writtenAt, version } = recordOf(message)
  return { id, key, writtenAt, version }
}
