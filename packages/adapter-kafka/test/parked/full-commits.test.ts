import { expect, test } from 'vitest'
import type { Partition, Slot } from '../../src/consumer/partition.ts'
import { noteOf } from '../../src/consumer/progress-text.ts'
import { Cluster, reads, readsRecord, taken } from './support/parked-cluster.ts'

const readsCopy = (partition: Partition, key: string): Slot =>
  readsRecord(partition, { id: 'dead', key, attemptEpoch: 1 })

const thousand = Array.from({ length: 1_000 }, (_, at) => `k${at}`)

/** Of 'a' one is parked, or waits. Of many others every other one is done with, if asked: a commit cannot note all that. */
async function crowded(isParked = true) {
  const cluster = new Cluster()
  const { parker, first } = cluster.owner(100_000)
  const [parked] = reads(first, ['a']) as readonly [Slot]
  if (isParked) await parker.park([parked])
  const others = [thousand, thousand].flatMap((keys) => reads(first, keys))
  const ackMost = () => void parker.ack(others.filter((_, at) => at % 2 === 1))
  const isNoted = ({ offset }: Slot): boolean => {
    const [committed = '0', metadata = ''] = (cluster.committed[0] ?? '').split(' ')
    return noteOf(Number(committed), metadata).progress.isDone(offset)
  }
  return { cluster, parker, first, parked, others, ackMost, isNoted }
}

test('a redriven copy that is done with, and what is parked behind it, is in each commit that lacks room', async () => {
  const { cluster, parker, first, parked, others, ackMost, isNoted } = await crowded()
  ackMost()
  const copy = readsCopy(first, 'a')
  const acking = parker.ack([copy])
  void parker.ack([parked])
  await cluster.clock.runUntil(acking as Promise<unknown>)
  await cluster.clock.advance(1_000)
  expect(cluster.told.filter((what) => what.startsWith('done'))).toEqual(['done 0'])
  expect([isNoted(copy), isNoted(others.at(-1) as Slot)]).toEqual([true, false])
})

test('what was answered for a redriven copy is not taken back by a later commit that lacks room', async () => {
  const { cluster, parker, first, ackMost, isNoted } = await crowded()
  const copy = readsCopy(first, 'a')
  await cluster.clock.runUntil(parker.ack([copy]) as Promise<unknown>)
  ackMost()
  const { offset, metadata } = first.commit()
  cluster.committed[0] = `${offset} ${metadata}`
  expect(isNoted(copy)).toBe(true)
})

test('what a commit had is in the commits of the next owner of the partition, also where they lack room', async () => {
  const { cluster, parker, first, isNoted } = await crowded()
  const copy = readsCopy(first, 'a')
  await cluster.clock.runUntil(parker.ack([copy]) as Promise<unknown>)
  const second = cluster.owner(100_000)
  await cluster.clock.runUntil(Promise.all(second.begun))
  taken(second.first)
  const others = [thousand, thousand].flatMap((keys) => reads(second.first, keys))
  void second.parker.ack(others.filter((_, at) => at % 2 === 1))
  const { offset, metadata } = second.first.commit()
  cluster.committed[0] = `${offset} ${metadata}`
  expect([isNoted(copy), isNoted(others.at(-2) as Slot)]).toEqual([true, false])
})

test('the acks of more redriven copies than a commit has room for do not go through', async () => {
  const { cluster, parker, first } = await crowded(false)
  const others: Slot[] = []
  const copies: Slot[] = []
  for (const key of thousand) {
    others.push(...reads(first, [key]))
    copies.push(readsCopy(first, key))
  }
  let isThrough = false
  void parker.ack(copies)?.then(() => {
    isThrough = true
  })
  await cluster.clock.advance(1_000)
  expect(isThrough).toBe(false)
  void parker.ack(others)
  await cluster.clock.advance(5_000)
  expect(isThrough).toBe(true)
})

test('what waits is parked also where a commit has no room for all that was done with', async () => {
  const { cluster, parker, first, parked, ackMost } = await crowded(false)
  ackMost()
  for (const key of thousand) {
    reads(first, [key])
    void parker.ack([readsCopy(first, key)])
  }
  await parker.park([parked])
  expect(cluster.told.filter((what) => what !== 'commit')).toEqual(['claim', 'copy 0'])
})
