import { systemClock, type WalError } from '@daybook/core'
import { expect, test } from 'vitest'
import { Membership } from '../../src/consumer/membership.ts'
import type { KafkaCommit, KafkaEntry, KafkaGroupListener } from '../../src/index.ts'
import type { QueueParts } from '../../src/queue-parts.ts'

const place = { topic: 'films', partition: 0 }

/** A member of a group that has come to offset 2, of a partition that keeps what is behind `first`. */
async function memberOf(first: number) {
  const commits: KafkaCommit[] = []
  const errors: WalError[] = []
  const reads: number[] = []
  const broker = { isDown: false }
  const group = {
    read: (_: unknown, from: number) => reads.push(from),
    pause() {},
    async close() {},
    async commit(given: readonly KafkaCommit[]) {
      if (broker.isDown) throw new Error('The broker is down.')
      commits.push(...given)
    },
  }
  const parts = {
    client: {
      async group(_: unknown, listener: KafkaGroupListener) {
        listener.assigned([place])
        return group
      },
    },
    admin: {
      committed: async () => new Map([[0, { ...place, offset: 2, metadata: '' }]]),
      bounds: async () => [{ first, next: 20 }],
    },
    options: { topic: 'films', bufferRecords: 10, bufferBytes: 1_000, sessionTimeoutMs: 10_000 },
    context: { clock: systemClock, reportError: (error: WalError) => errors.push(error) },
    pause: async () => {},
  } as unknown as QueueParts
  const membership = new Membership(parts, 'group', {
    entry: (partition, { offset }) => partition.skip(offset),
    changed() {},
  })
  await membership.join()
  const entry = (offset: number): KafkaEntry => ({
    offset,
    timestamp: 0,
    key: null,
    value: null,
    headers: new Map(),
  })
  const give = (offset: number) => membership.entries(place, [entry(offset)], offset + 1)
  const saved = () => membership.partitions[0]?.saved
  return { membership, commits, errors, reads, broker, give, saved }
}

test('a member reads on where the broker still has something, and tells how much it has not', async () => {
  const { errors, reads, commits, membership } = await memberOf(5)
  expect(reads.at(-1)).toBe(5)
  expect(errors.map(({ code, message }) => `${code} ${message}`)).toEqual([
    expect.stringMatching(/^ERR_NOT_KEPT The broker has removed 3 offsets of films, partition 0/),
  ])
  await membership.leave()
  expect(commits.at(-1)).toMatchObject({ offset: 5 })
})

test('a member that finds everything it needs says nothing', async () => {
  const { errors, reads, membership } = await memberOf(1)
  expect(reads.at(-1)).toBe(2)
  expect(errors).toEqual([])
  await membership.leave()
})

test('what a member is done with counts as saved once the commit came through', async () => {
  const { membership, broker, give, saved } = await memberOf(0)
  expect(saved()).toBe(2)
  broker.isDown = true
  give(2)
  await membership.commitNow(membership.partitions)
  expect([membership.partitions[0]?.committed, saved()]).toEqual([3, 2])
  broker.isDown = false
  await membership.commitNow(membership.partitions)
  expect(saved()).toBe(3)
  await membership.leave()
})
