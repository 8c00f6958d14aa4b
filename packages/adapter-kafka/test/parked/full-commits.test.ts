import type { Delivery } from '@daybook/core'
import { makeStoredRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import type { Partition, Slot } from '../../src/consumer/partition.ts'
import { noteOf } from '../../src/consumer/progress-text.ts'
import { messageOf } from '../../src/kafka-message.ts'
import { Cluster, reads } from './support/parked-cluster.ts'

/** The consumer reads the copy of a letter of the key, and hands it out. */
function readsCopy(partition: Partition, key: string): Slot {
  const offset = partition.next
  const record = makeStoredRecord({ id: 'dead', key, attemptEpoch: 1 })
  const read = { record, bytes: 1, unreadable: undefined }
  partition.expects(offset)
  partition.add({ ...messageOf(record), offset, timestamp: 7 }, read, 0)
  const deliveries: Delivery[] = []
  partition.take({ maxRecords: 1, maxBytes: 1e9 }, 0, deliveries)
  return deliveries[0]?.handle as Slot
}

/** Of 'a' one is parked, or waits; of many others so many wait that a commit cannot note what lies done between them. */
async function full(isParked = true) {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner(100_000)
  const [parked] = reads(first, ['a']) as readonly [Slot]
  if (isParked) await parker.park([parked])
  const thousand = Array.from({ length: 1_000 }, (_, at) => `k${at}`)
  const others = [thousand, thousand].flatMap((keys) => reads(first, keys))
  void parker.ack(others.filter((_, at) => at % 2 === 1))
  const copy = readsCopy(first, 'a')
  const isNoted = (): boolean => {
    const [offset = '0', metadata = ''] = (cluster.committed[0] ?? '').split(' ')
    return noteOf(Number(offset), metadata).progress.isDone(copy.offset)
  }
  return { cluster, parker, parked, others, copy, isNoted }
}

test('the ack of a redriven copy goes through only with a commit that has room for it', async () => {
  const { cluster, parker, others, copy, isNoted } = await full()
  let isThrough = false
  void parker.ack([copy])?.then(() => {
    isThrough = true
  })
  await cluster.clock.advance(5_000)
  expect([isThrough, isNoted()]).toEqual([false, false])
  void parker.ack(others)
  await cluster.clock.advance(5_000)
  expect([isThrough, isNoted()]).toEqual([true, true])
})

test('a parked record is done with only once a commit had room for what was done with before it', async () => {
  const { cluster, parker, parked, others, copy, isNoted } = await full()
  void parker.ack([copy])
  void parker.ack([parked])
  await cluster.clock.advance(5_000)
  expect([cluster.told.includes('done 0'), isNoted()]).toEqual([false, false])
  void parker.ack(others)
  await cluster.clock.advance(5_000)
  expect([cluster.told.includes('done 0'), isNoted()]).toEqual([true, true])
})

test('what waits is parked also where a commit has no room for all that was done with', async () => {
  const { cluster, parker, parked } = await full(false)
  await parker.park([parked])
  expect(cluster.told.filter((what) => what !== 'commit')).toEqual(['claim', 'copy 0'])
})
