import { type SendOutcome, systemClock, systemRandom, WalError } from '@daybook/core'
import { makeStoredRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import type { Membership } from '../../src/consumer/membership.ts'
import { Partition } from '../../src/consumer/partition.ts'
import type { KafkaEntry, KafkaMessage, KafkaPlace } from '../../src/index.ts'
import { messageOf } from '../../src/kafka-message.ts'
import { recordOf } from '../../src/kafka-record.ts'
import {
  copyKeyOf,
  copyNameOf,
  parkedEntryOf,
  parkedMessage,
} from '../../src/parked/parked-message.ts'
import { ParkedRecords } from '../../src/parked/parked-records.ts'
import { Parker } from '../../src/parked/parker.ts'
import type { QueueParts } from '../../src/queue-parts.ts'

const place = { topic: 'films', partition: 0 }

/** The partition of a parked topic, in memory, and what a consumer's partition has to do with it. */
function parkedTopic() {
  const log: KafkaEntry[] = []
  const state = { fails: 0, isDown: false, told: [] as string[], whilePutting() {} }
  const put = async (to: KafkaPlace, message: KafkaMessage): Promise<SendOutcome> => {
    expect(to).toEqual({ topic: 'films.parked', partition: 0 })
    if (state.fails > 0) {
      state.fails--
      return { durable: 'no', error: new WalError('ERR_IO', 'no room') }
    }
    state.whilePutting()
    const key = String(message.key)
    state.told.push(message.value === null ? `-${key.split('.')[0]}` : `+${key.split('.')[0]}`)
    log.push({ ...message, offset: log.length, timestamp: 0 })
    return { durable: 'yes' }
  }
  const parts = {
    client: {
      reader: async () => ({
        async *read(_: number, from: number, to: number) {
          yield log.slice(from, to)
        },
        async close() {},
      }),
    },
    admin: { bounds: async () => [{ first: 0, next: log.length }] },
    context: { clock: systemClock, random: systemRandom },
    parking: new Set(['films']),
    pause: async () => {},
  } as unknown as QueueParts
  /** Somebody is given the partition, of which this was committed. */
  const owner = async (committed = 0, metadata = '', target = 'search') => {
    const records = new ParkedRecords(parts, target, put)
    const partition = new Partition(place)
    const membership = {
      somethingDone() {},
      async commitNow() {
        if (state.isDown) return
        state.told.push('commit')
        partition.saved = partition.commit().offset
      },
    } as unknown as Membership
    const read = (_: KafkaPlace, entry: KafkaEntry) => ({
      ...{ record: recordOf(entry), bytes: 1, unreadable: undefined },
    })
    const parker = new Parker({ parts, records, membership, read })
    const loaded = await parker.prepare(partition, metadata)
    partition.load(committed, metadata)
    loaded()
    const take = (): readonly number[] => {
      const taken: { position: number | bigint }[] = []
      partition.take({ maxRecords: 100, maxBytes: 1e9 }, 0, taken as never[])
      return taken.map(({ position }) => Number(position))
    }
    /** Reads one of its topic. */
    const reads = (offset: number) => {
      if (!partition.expects(offset)) return undefined
      const record = makeStoredRecord({ key: 'k', version: BigInt(1_000 + offset) })
      const entry = { ...messageOf(record), offset, timestamp: 7 }
      return partition.add(entry, { record, bytes: 1, unreadable: undefined }, 0)
    }
    const readAll = (...offsets: readonly number[]) => offsets.flatMap((one) => reads(one) ?? [])
    return { partition, parker, take, readAll, commit: () => partition.commit() }
  }
  return { owner, log, state }
}

test('a parked copy has everything of its record, and where it came from', () => {
  const record = makeStoredRecord({
    ...{ key: 'ä/.', attemptEpoch: 3, version: 1_234_567_890_123n, headers: { a: 'b' } },
    payload: undefined,
  })
  const name = { offset: 17, claim: '0af', target: 'a.b/c' }
  expect(copyNameOf(copyKeyOf(name))).toEqual(name)
  const message = parkedMessage(copyKeyOf(name), place, { ...messageOf(record), timestamp: 9 })
  const back = parkedEntryOf(message, name)
  expect(back).toMatchObject({ offset: 17, timestamp: 9, value: null })
  expect(back && recordOf(back)).toEqual(recordOf(messageOf(record)))
})

test('whoever is given a partition has what is parked before what its topic has', async () => {
  const topic = parkedTopic()
  const first = await topic.owner()
  const slots = first.readAll(0, 1, 2, 3)
  for (const slot of slots.slice(0, 1)) first.partition.ack(slot)
  await first.parker.park(slots.slice(1, 3))
  // As if the last commit had not come through.
  const [offset, { metadata }] = [1, first.commit()]
  const second = await topic.owner(offset, metadata)
  second.readAll(0, 1, 2, 3)
  expect(second.take()).toEqual([1, 2, 3])
  expect(second.partition.pendingBelow(4)).toBe(3)
  expect(second.partition.openBelow(4)).toBe(1)
})

test('the commit passes what is parked, and what is parked twice is stored once', async () => {
  const topic = parkedTopic()
  const { parker, readAll, commit } = await topic.owner()
  const slots = readAll(0, 1, 2)
  await parker.park(slots)
  await parker.park(slots)
  expect(commit().offset).toBe(3)
  expect(topic.state.told).toEqual(['+0', '+1', '+2'])
})

test('what was done with before is committed first, and then the copy is taken away', async () => {
  const topic = parkedTopic()
  const { partition, parker, readAll } = await topic.owner()
  const [one, two] = readAll(0, 1)
  if (one === undefined || two === undefined) throw new Error('Nothing was read.')
  await parker.park([one, two])
  await parker.unpark([one])
  partition.ack(one)
  topic.state.told.length = 0
  await parker.unpark([two])
  expect(topic.state.told).toEqual(['commit', '-1'])
})

test('an ack of what is parked fails where what was done with before cannot be committed', async () => {
  const topic = parkedTopic()
  const { parker, readAll } = await topic.owner()
  const slots = readAll(0)
  await parker.park(slots)
  topic.state.isDown = true
  await expect(parker.unpark(slots)).rejects.toMatchObject({ code: 'ERR_IO', retryable: true })
  expect(topic.state.told).toEqual(['+0'])
})

test('where a copy is not stored, neither it nor what comes after it counts as done with', async () => {
  const topic = parkedTopic()
  const { parker, readAll, commit } = await topic.owner()
  topic.state.fails = 1
  const slots = readAll(0, 1)
  await expect(parker.park(slots)).rejects.toMatchObject({ code: 'ERR_IO' })
  expect(commit().offset).toBe(0)
  await parker.park(slots)
  expect(commit().offset).toBe(2)
})

test('a copy that a former owner has written too late counts for nothing, and is taken away', async () => {
  const topic = parkedTopic()
  const former = await topic.owner()
  const late = former.readAll(0, 1)
  const { metadata } = former.commit()
  const owner = await topic.owner(0, metadata)
  // It has applied both, and committed that, when the copies of the former one arrive.
  for (const slot of owner.readAll(0, 1)) owner.partition.ack(slot)
  const saved = owner.commit()
  await former.parker.park(late)
  expect(topic.log).toHaveLength(2)
  const next = await topic.owner(saved.offset, saved.metadata)
  expect(next.take()).toEqual([])
  expect(topic.state.told).toEqual(['+0', '+1', '-0', '-1'])
  // Nor does it afterwards, when it stands before the end that was noted.
  const last = await topic.owner(saved.offset, next.commit().metadata)
  expect(last.take()).toEqual([])
})

test('a copy whose commit never came counts where its owner is known, and is read once', async () => {
  const topic = parkedTopic()
  const owner = await topic.owner()
  const { metadata } = owner.commit()
  await owner.parker.park(owner.readAll(0, 1))
  const next = await topic.owner(0, metadata)
  next.readAll(0, 1, 2)
  expect(next.take()).toEqual([0, 1, 2])
  expect(next.commit().offset).toBe(2)
})

test('one target has nothing of what another has parked', async () => {
  const topic = parkedTopic()
  const search = await topic.owner()
  await search.parker.park(search.readAll(0))
  const store = await topic.owner(0, '', 'store')
  expect(store.take()).toEqual([])
})

test('nothing of a partition that was lost is taken away, nor counted', async () => {
  const topic = parkedTopic()
  const { partition, parker, readAll } = await topic.owner()
  const slots = readAll(0, 1)
  await parker.park(slots.slice(0, 1))
  topic.state.whilePutting = () => partition.lose()
  await parker.park(slots.slice(1))
  await parker.unpark(slots)
  await parker.park(slots.slice(1))
  expect(topic.state.told).toEqual(['+0', 'commit', '+1'])
  expect(partition.commit().offset).toBe(1)
})

test('nothing is parked before what stands before it in its key is done with, and that is committed', async () => {
  const topic = parkedTopic()
  const { partition, parker, readAll } = await topic.owner()
  const [one, two] = readAll(0, 1)
  if (one === undefined || two === undefined) throw new Error('Nothing was read.')
  await expect(parker.park([two])).rejects.toMatchObject({ code: 'ERR_IO', retryable: true })
  expect(topic.log).toHaveLength(0)
  partition.ack(one)
  await parker.park([two])
  expect(topic.state.told).toEqual(['commit', '+1'])
})
