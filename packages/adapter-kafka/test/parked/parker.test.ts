import type { Delivery } from '@daybook/core'
import { makeStoredRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import type { Partition, Slot } from '../../src/consumer/partition.ts'
import { messageOf } from '../../src/kafka-message.ts'
import { recordOf } from '../../src/kafka-record.ts'
import { Cluster, reads, readsRecord, taken } from './support/parked-cluster.ts'

test('the commit passes what is parked, and what is parked twice is stored once', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const slots = reads(first, ['a', 'a', 'a'])
  await parker.park(slots)
  await parker.park(slots)
  expect(first.commit().offset).toBe(3)
  expect(first.pendingBelow(3)).toBe(3)
  // Their topic may remove them.
  expect([first.oldest(true), first.oldest(false)?.offset]).toEqual([undefined, 0])
  expect(cluster.told).toEqual(['commit', 'claim', 'copy 0', 'copy 1', 'copy 2'])
})

test('what was done with is committed before a copy is done with, and later ones of its key after it', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const [a0, b1, a2] = reads(first, ['a', 'b', 'a']) as readonly [Slot, Slot, Slot]
  await parker.park([a0])
  cluster.told.length = 0
  cluster.isDown = true
  expect(parker.ack([a0, b1, a2])).toBeUndefined()
  await cluster.clock.advance(100)
  // The one of another key waits for nothing.
  expect([first.isDone(b1.offset), first.isDone(a2.offset)]).toEqual([true, false])
  cluster.isDown = false
  await cluster.clock.advance(100)
  expect(cluster.told).toEqual(['commit', 'done 0'])
  expect(first.commit().offset).toBe(3)
  expect(first.pendingBelow(3)).toBe(0)
})

test('of a key in which others stand between parked records each is done with after the one before it', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const [a0, a1, b2, a3] = reads(first, ['a', 'a', 'b', 'a']) as readonly [Slot, Slot, Slot, Slot]
  await parker.park([a0, b2])
  cluster.told.length = 0
  // As a redriven copy that goes before what waits for it.
  void parker.ack([a0, a3, b2])
  await cluster.clock.settle()
  expect(cluster.told).toEqual(['commit', 'done 0,2'])
  await parker.park([a1])
  const [a4] = reads(first, ['a']) as readonly [Slot]
  await parker.park([a4])
  const [a5] = reads(first, ['a']) as readonly [Slot]
  cluster.told.length = 0
  void parker.ack([a1, a5])
  // In a call of its own, while that one is under way.
  void parker.ack([a4])
  await cluster.clock.settle()
  expect(cluster.told).toEqual(['commit', 'done 1', 'commit', 'done 4'])
  expect(first.commit().offset).toBe(6)
})

test('an ack of what is parked is tried until it has gone through, and holds up no other key', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const [a0, b1] = reads(first, ['a', 'b']) as readonly [Slot, Slot]
  await parker.park([a0])
  cluster.isDown = true
  void parker.ack([a0])
  await cluster.clock.advance(200_000)
  expect(cluster.errors).toMatchObject([{ code: 'ERR_IO', retryable: true }])
  expect(cluster.told).toEqual(['commit', 'claim', 'copy 0'])
  void parker.ack([b1])
  expect(first.isDone(b1.offset)).toBe(true)
  expect(first.pendingBelow(2)).toBe(1)
  cluster.isDown = false
  cluster.outcomes.push('unknown')
  await cluster.clock.advance(60_000)
  expect(first.pendingBelow(2)).toBe(0)
})

test('the ack of a redriven copy has gone through once it is committed, and not before what its key has parked', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const [a0] = reads(first, ['a']) as readonly [Slot]
  await parker.park([a0])
  const record = makeStoredRecord({ id: 'dead', key: 'a', attemptEpoch: 1 })
  first.expects(1)
  const read = { record, bytes: 1, unreadable: undefined }
  first.add({ ...messageOf(record), offset: 1, timestamp: 7 }, read, 0)
  const deliveries: Delivery[] = []
  first.take({ maxRecords: 1, maxBytes: 1e9 }, 0, deliveries)
  cluster.told.length = 0
  void parker.ack([a0])
  const acking = parker.ack(deliveries.map(({ handle }) => handle as Slot)) as Promise<unknown>
  await cluster.clock.runUntil(acking)
  expect(cluster.told).toEqual(['commit', 'done 0', 'commit'])
  expect(cluster.committed[0]).toMatch(/^2 /)
})

test('a consumer that is closed ends the acks that are under way, unless they fail', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const [a0, a1] = reads(first, ['a', 'a']) as readonly [Slot, Slot]
  await parker.park([a0, a1])
  void parker.ack([a0])
  await parker.close()
  expect(first.pendingBelow(2)).toBe(1)
  cluster.outcomes.push('no')
  void parker.ack([a1])
  await parker.close()
  expect(first.pendingBelow(2)).toBe(1)
})

test.each([
  ['refuses what is committed', 'refuses', 600],
  ['answers nothing', 'isSilent', 2_500],
] as const)(
  'a consumer that is closed while the broker %s does not wait for that',
  async (_, how, mostMs) => {
    const cluster = new Cluster()
    const { parker, first } = cluster.owner()
    const [a0] = reads(first, ['a']) as readonly [Slot]
    await parker.park([a0])
    cluster.isDown = true
    cluster.isSilent = how === 'isSilent'
    void parker.ack([a0])
    await cluster.clock.advance(1_000)
    const begun = cluster.clock.monotonic()
    await cluster.clock.runUntil(parker.close())
    expect(cluster.clock.monotonic() - begun).toBeLessThan(mostMs)
    expect(first.pendingBelow(1)).toBe(1)
  },
)

test('what is acked while others are being parked in the same call is not parked any more', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner(100, 1)
  const [a0, b1, b2] = reads(first, ['a', 'b', 'b']) as readonly [Slot, Slot, Slot]
  cluster.beforePut = (what) => what === 'copy 0' && void parker.ack([b1])
  await parker.park([a0, b1, b2])
  expect(cluster.told).toEqual(['commit', 'claim', 'copy 0', 'copy 2'])
  // Whoever comes next is not given it again, behind what came after it in its key.
  cluster.committed[0] = `${first.commit().offset} ${first.commit().metadata}`
  const next = cluster.owner()
  await next.begun[0]
  expect(taken(next.first)).toEqual([0, 2])
})

test('a partition of which nothing waits any more is read where its parked topic is not to be had', async () => {
  const cluster = new Cluster()
  const former = cluster.owner()
  const [a0, a1] = reads(former.first, ['a', 'a']) as readonly [Slot, Slot]
  await former.parker.park([a0])
  void former.parker.ack([a0])
  await cluster.clock.settle()
  const { offset, metadata } = former.first.commit()
  cluster.committed[0] = `${offset} ${metadata}`
  // Stored, and never committed.
  await former.parker.park([a1])
  expect([offset, former.first.commit().offset]).toEqual([1, 2])
  cluster.hasTopic = false
  const stranger = cluster.owner()
  expect(stranger.begun).toEqual([undefined, undefined])
  const [again] = reads(stranger.first, ['b', 'a']) as readonly [Slot]
  expect(again.offset).toBe(1)
  await stranger.parker.ack([again])
  cluster.committed[0] = `${stranger.first.commit().offset} ${stranger.first.commit().metadata}`
  cluster.hasTopic = true
  const { first, begun } = cluster.owner()
  await begun[0]
  // What the one in between has read itself from the topic is not given again.
  expect(taken(first)).toEqual([])
  expect(first.pendingBelow(2)).toBe(0)
})

test('a copy whose answer was lost is parked anew with those behind it, also where it could not be taken back at once', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const slots = reads(first, ['a', 'a', 'a'])
  await parker.park(slots.slice(0, 1))
  // The copy, and, once there is a new claim, that it counts for nothing.
  cluster.outcomes.push('unknown', 'yes', 'unknown')
  await expect(parker.park(slots.slice(1, 2))).rejects.toMatchObject({ code: 'ERR_IO' })
  expect(first.commit().offset).toBe(1)
  await parker.park(slots.slice(1))
  expect(first.commit().offset).toBe(3)
  expect(cluster.told.filter((one) => one.startsWith('copy'))).toEqual([
    ...['copy 0', 'copy 1', 'copy 1', 'copy 2'],
  ])
})

test('what is parked is known to be parked also while a reading is broken off between its removal and its copy', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const slots = reads(first, ['a', 'a'])
  const [a0, a1] = slots as readonly [Slot, Slot]
  cluster.outcomes.push('yes', 'unknown')
  await expect(parker.park([a0])).rejects.toMatchObject({ code: 'ERR_IO' })
  await parker.park([a0])
  cluster.outcomes.push('unknown')
  // Its own claim, and of what was stored since that its first copy counts for nothing, and not that the second one does.
  cluster.readable = 2
  await expect(parker.park([a1])).rejects.toMatchObject({ code: 'ERR_IO' })
  cluster.told.length = 0
  void parker.ack([a0])
  await cluster.clock.settle()
  expect(cluster.told).toEqual(['commit', 'claim', 'done 1', 'commit', 'done 0'])
  expect(first.pendingBelow(2)).toBe(1)
})

test('nothing is parked before what stands before it in its key is done with', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const [one, two] = reads(first, ['a', 'a']) as readonly [Slot, Slot]
  const parking = parker.park([two])
  await cluster.clock.advance(200)
  expect(cluster.told).toEqual([])
  await parker.ack([one])
  await cluster.clock.runUntil(parking)
  expect(cluster.told).toEqual(['commit', 'claim', 'copy 1'])
})

test('what is parked is handed out as there is room, and the topic is read after the last of it', async () => {
  const cluster = new Cluster()
  const former = cluster.owner()
  await former.parker.park(
    reads(
      former.first,
      Array.from({ length: 50 }, () => 'a'),
    ),
  )
  cluster.committed[0] = `${former.first.commit().offset} ${former.first.commit().metadata}`
  const { parker, first, begun } = cluster.owner(10)
  let isRead = false
  void begun[0]?.then(() => {
    isRead = true
  })
  const got: number[] = []
  for (let turn = 0; turn < 20 && !isRead; turn++) {
    await cluster.clock.settle()
    expect(first.waiting.records).toBeLessThanOrEqual(10)
    got.push(...taken(first))
    parker.readOn(first)
  }
  await cluster.clock.settle()
  expect(isRead).toBe(true)
  expect([...got, ...taken(first)]).toEqual(Array.from({ length: 50 }, (_, at) => at))
})

test('a partition whose parked records cannot be read is tried again, says so, and holds up no other', async () => {
  const cluster = new Cluster()
  const former = cluster.owner()
  for (const [at, partition] of former.partitions.entries()) {
    await former.parker.park(reads(partition, ['a', 'a']))
    const { offset, metadata } = partition.commit()
    cluster.committed[at] = `${offset} ${metadata}`
  }
  cluster.unread.add(0)
  const { partitions, begun } = cluster.owner()
  await begun[1]
  expect(partitions.map(taken)).toEqual([[], [0, 1]])
  await cluster.clock.advance(60_000)
  expect(cluster.errors[0]).toMatchObject({
    code: 'ERR_IO',
    message: expect.stringMatching(/^What is parked of films, partition 0, cannot be taken over/),
  })
  // What is noted is carried on meanwhile.
  expect(partitions[0]?.pendingBelow(2)).toBe(2)
  cluster.unread.clear()
  await cluster.clock.runUntil(begun[0] as Promise<void>)
  expect(taken(partitions[0] as Partition)).toEqual([0, 1])
})

test('nothing of a partition that was lost is written, nor counted', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const slots = reads(first, ['a', 'a'])
  await parker.park(slots.slice(0, 1))
  first.lose()
  cluster.told.length = 0
  await parker.park(slots.slice(1))
  await parker.ack(slots)
  expect(cluster.told).toEqual([])
})

test('the ack of a redriven copy that is not known to be committed as the consumer is closed is refused', async () => {
  const cluster = new Cluster()
  const { parker, first, leave } = cluster.owner()
  const copy = readsRecord(first, { id: 'dead', key: 'a', attemptEpoch: 1 })
  cluster.isDown = true
  const acking = parker.ack([copy])
  leave()
  const [refused] = await Promise.allSettled([acking, cluster.clock.advance(5_000)])
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CLOSED' } })
})

test('what is parked is not handed out before it is due by the clock of its new owner', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  // The clock of its former one is ahead.
  const dueAt = cluster.clock.now() + 10_000
  await parker.park([readsRecord(first, { key: 'a', dueAt })])
  const { offset, metadata } = first.commit()
  cluster.committed[0] = `${offset} ${metadata}`
  const second = cluster.owner()
  await cluster.clock.runUntil(Promise.all(second.begun))
  const takes = (): number => {
    const deliveries: Delivery[] = []
    const limits = { maxRecords: 10, maxBytes: 1e9 }
    second.first.take(limits, cluster.clock.monotonic(), deliveries)
    return deliveries.length
  }
  expect(takes()).toBe(0)
  await cluster.clock.advance(10_000)
  expect(takes()).toBe(1)
})

test('what is parked is looked through also where it is not handed out yet', async () => {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner()
  const slots = reads(
    first,
    Array.from({ length: 20 }, () => 'a'),
  )
  await parker.park(slots)
  const { offset, metadata } = first.commit()
  cluster.committed[0] = `${offset} ${metadata}`
  const second = cluster.owner(4)
  await cluster.clock.advance(100)
  const found: Slot[] = []
  const { signal } = new AbortController()
  await second.parker.lookAhead(signal, (partition, entry) => {
    const record = recordOf(entry)
    const read = { record, bytes: 1, unreadable: undefined }
    if (record.id === 'a17') found.push(partition.takeAhead(entry, read).handle as Slot)
  })
  expect(found.map(({ offset: at }) => at)).toEqual([17])
  // It is not handed out once more.
  const rest: number[] = []
  while (rest.length < 19) {
    const more = taken(second.first)
    rest.push(...more)
    second.parker.readOn(second.first)
    await cluster.clock.advance(more.length > 0 ? 10 : 5_000)
  }
  expect(rest).toEqual(Array.from({ length: 20 }, (_, at) => at).filter((at) => at !== 17))
  void second.parker.ack(found)
  await cluster.clock.advance(1_000)
  expect(cluster.told.at(-1)).toBe('done 17')
})

test('a partition whose parked records cannot be read keeps nobody from looking through the others', async () => {
  const cluster = new Cluster()
  const { parker, partitions } = cluster.owner()
  for (const [at, partition] of partitions.entries()) {
    await parker.park(
      reads(
        partition,
        Array.from({ length: 9 }, () => 'a'),
      ),
    )
    const { offset, metadata } = partition.commit()
    cluster.committed[at] = `${offset} ${metadata}`
  }
  const second = cluster.owner(4)
  await cluster.clock.advance(100)
  cluster.unread.add(0)
  const found = new Set<number>()
  const { signal } = new AbortController()
  const looking = second.parker.lookAhead(signal, ({ place }) => found.add(place.partition))
  await expect(looking).rejects.toThrow(/not now/)
  expect([...found]).toEqual([1])
})
