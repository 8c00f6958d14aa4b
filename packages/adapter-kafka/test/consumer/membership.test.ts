import { systemClock, type WalError } from '@daybook/core'
import { expect, test } from 'vitest'
import { Membership } from '../../src/consumer/membership.ts'
import type { Partition } from '../../src/consumer/partition.ts'
import type { KafkaCommit, KafkaEntry, KafkaGroupListener } from '../../src/index.ts'
import type { QueueParts } from '../../src/queue-parts.ts'

const place = { topic: 'films', partition: 0 }
const isFilms = ({ topic }: KafkaCommit): boolean => topic === 'films'

/** A member of a group that has come to offset 2, of a partition that keeps what is behind `first`. */
async function memberOf(first: number, waitsForRuns = true, refusal?: Error, readRefusal?: Error) {
  const commits: KafkaCommit[] = []
  const errors: WalError[] = []
  const reads: number[] = []
  const pauses: unknown[] = []
  let told: KafkaGroupListener | undefined
  const committed: KafkaCommit = { ...place, offset: 2, metadata: '' }
  const broker = { isDown: false, closes: 0, first, asked: 0, committed, silent: '' }
  let begin: Promise<void> | undefined
  const group = {
    read: (_: unknown, from: number) => {
      reads.push(from)
      if (readRefusal === undefined) return
      told?.assigned([])
      told?.failed(readRefusal)
    },
    pause: (paused: unknown) => pauses.push(paused),
    async close() {
      broker.closes++
    },
    async commit(given: readonly KafkaCommit[]) {
      if (refusal !== undefined) throw refusal
      if (broker.isDown) throw new Error('The broker is down.')
      commits.push(...given)
      broker.committed = given.findLast(isFilms) ?? broker.committed
    },
  }
  const parts = {
    client: {
      async group(_: unknown, listener: KafkaGroupListener) {
        told = listener
        listener.assigned([place])
        return group
      },
    },
    admin: {
      async committed(_: string, topic: string) {
        if (broker.silent === topic) throw new Error('not now')
        return new Map(topic === 'films' ? [[0, broker.committed]] : [])
      },
      async bounds() {
        broker.asked++
        return [{ first: broker.first, next: 20 }]
      },
    },
    options: { sessionTimeoutMs: 10_000 },
    context: { clock: systemClock, reportError: (error: WalError) => errors.push(error) },
    pause: () => new Promise<void>((resolve) => setImmediate(resolve)),
  } as unknown as QueueParts
  const listener = {
    // Every other one is done with at once.
    entry: (partition: Partition, { offset }: KafkaEntry) =>
      offset % 2 === 0 ? partition.skip(offset) : partition.hold(1),
    changed() {},
    begin: () => begin,
  }
  const reading = {
    topics: ['films', 'series'],
    bufferRecords: 5_000,
    bufferBytes: 10_000,
    waitsForRuns,
  }
  const membership = new Membership(parts, 'group', listener, reading)
  const joined = membership.join()
  const failure = await joined.catch((error: WalError) => error)
  const entry = (offset: number): KafkaEntry => ({
    offset,
    timestamp: 0,
    key: null,
    value: null,
    headers: new Map(),
  })
  const give = (offset: number) => membership.entries(place, [entry(offset)], offset + 1)
  const saved = () => membership.partitions[0]?.saved
  const asked = (): number => broker.asked
  const beginsAfter = (before: Promise<void>): void => {
    begin = before
  }
  return {
    membership,
    beginsAfter,
    failure,
    commits,
    errors,
    reads,
    pauses,
    broker,
    give,
    saved,
    asked,
  }
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

test('a member tells of what the broker has removed while it was reading', async () => {
  const { errors, membership, broker, give } = await memberOf(1)
  give(3)
  broker.first = 7
  give(9)
  await expect
    .poll(() => errors.map(({ code, message }) => `${code} ${message}`))
    .toEqual([
      expect.stringMatching(/^ERR_NOT_KEPT The broker has removed 3 offsets of films, partition 0/),
    ])
  await membership.leave()
})

test('a member commits nothing of what it has kept before it knows that nobody else has had it meanwhile', async () => {
  const { membership, broker, commits, give } = await memberOf(0)
  const [kept] = membership.partitions
  broker.silent = 'films'
  membership.rebalancing()
  const before = commits.length
  membership.assigned([place])
  give(2)
  await membership.commitNow(membership.partitions)
  expect(commits).toHaveLength(before)
  broker.silent = ''
  await expect.poll(() => commits.at(-1)).toMatchObject({ offset: 3 })
  expect(membership.partitions).toEqual([kept])
  await membership.leave()
})

test('a member that has missed a generation goes on where whoever had its partition meanwhile has come to', async () => {
  const { membership, broker, commits, reads, give } = await memberOf(0)
  const [kept] = membership.partitions
  give(2)
  await membership.commitNow(membership.partitions)
  broker.committed = { ...place, offset: 9, metadata: '1;;;;a.0.0.1' }
  membership.assigned([place])
  await membership.commitNow(membership.partitions)
  await expect.poll(() => reads.at(-1)).toBe(9)
  expect([kept?.isLost, membership.partitions[0]?.carried?.count]).toEqual([true, 1])
  await membership.leave()
  expect(commits.at(-1)).toMatchObject({ offset: 9, metadata: '1;;;;a.0.0.1' })
})

test('a partition that somebody else has had is given up at once, also while it is asked about those of another topic', async () => {
  const { membership, broker, commits, give } = await memberOf(0)
  const [kept] = membership.partitions
  const both = [place, { topic: 'series', partition: 0 }]
  membership.assigned(both)
  await expect.poll(() => membership.partitions).toHaveLength(2)
  give(2)
  await membership.commitNow(membership.partitions)
  const before = commits.length
  broker.committed = { ...place, offset: 9, metadata: '1;;;;a.0.0.1' }
  broker.silent = 'series'
  membership.assigned(both)
  give(4)
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    await membership.commitNow(membership.partitions)
  }
  expect(kept?.isLost).toBe(true)
  expect(membership.partitions.map(({ place: { topic }, next }) => [topic, next])).toEqual([
    ['films', 9],
    ['series', 0],
  ])
  broker.silent = ''
  await membership.leave()
  const own = commits.slice(before).filter(isFilms)
  expect(own.map(({ offset, metadata }) => [offset, metadata])).toEqual(
    own.map(() => [9, '1;;;;a.0.0.1']),
  )
})

test('a batch that comes before the topic may be read is left, and asked for once it may', async () => {
  const { membership, beginsAfter, reads, give } = await memberOf(0)
  let mayRead = (): void => {}
  beginsAfter(
    new Promise((resolve) => {
      mayRead = resolve
    }),
  )
  membership.assigned([])
  membership.assigned([place])
  await expect.poll(() => membership.partitions[0]?.isHandingOut).toBe(true)
  reads.length = 0
  give(5)
  expect(membership.partitions[0]?.next).toBe(2)
  mayRead()
  await expect.poll(() => reads).toEqual([2])
  await membership.leave()
})

test('offsets that no entry ever had, or that compaction has left out, are not told of', async () => {
  const { errors, membership, asked, give } = await memberOf(1)
  const before = asked()
  give(5)
  await expect.poll(asked).toBeGreaterThan(before)
  await new Promise((resolve) => setImmediate(resolve))
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

test.each([
  ['waits, so that nothing is given twice', true, [place]],
  ['goes on, where lateness would be worse', false, []],
] as const)('reading beyond what a commit can note %s', async (_, waitsForRuns, expected) => {
  const { membership, give, pauses } = await memberOf(0, waitsForRuns)
  for (let offset = 3; offset < 2_000; offset++) give(offset)
  expect(pauses).toEqual(expected)
  await membership.leave()
})

test('a member that may not commit is told so as it joins, and leaves the group once', async () => {
  const refusal = Object.assign(new Error('no'), { type: 'GROUP_AUTHORIZATION_FAILED' })
  const { membership, failure, errors, broker } = await memberOf(0, true, refusal)
  expect(failure).toMatchObject({ code: 'ERR_CONFIG' })
  expect(String(failure)).toMatch(
    /may not read or commit: GROUP_AUTHORIZATION_FAILED.*Read on the group/,
  )
  await membership.leave()
  expect(broker.closes).toBe(1)
  expect(errors).toEqual([])
})

test('a member whose first commit fails for another reason has joined all the same', async () => {
  const { membership, failure, broker } = await memberOf(0, true, new Error('busy'))
  expect(failure).toBeUndefined()
  expect(broker.closes).toBe(0)
  await membership.leave()
})

test('a member that loses its partitions by a first fetch that may not be is told so as it joins', async () => {
  const refusal = Object.assign(new Error('no'), { type: 'TOPIC_AUTHORIZATION_FAILED' })
  const { failure, errors, broker } = await memberOf(0, true, undefined, refusal)
  expect(failure).toMatchObject({ code: 'ERR_CONFIG' })
  expect(String(failure)).toMatch(/Read, Write, Describe and DescribeConfigs on the topic/)
  expect([broker.closes, errors]).toEqual([1, []])
})
