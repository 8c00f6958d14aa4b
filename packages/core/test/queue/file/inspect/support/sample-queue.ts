import { fileQueue } from '../../../../../src/queue/file/file-queue.ts'
import type { Queue } from '../../../../../src/queue/queue.ts'
import type { StoredRecord } from '../../../../../src/record.ts'
import { makeDeadLetter, makeStoredRecord } from '../../../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../../../src/testing/virtual-clock.ts'
import { openLock } from '../../support/open-lock.ts'
import { pullNow } from '../../support/open-queue.ts'

export const from = '/wal/titles'
export const targets = ['search', 'cassandra'] as const

/** The files of a queue's directory, by their paths in it. */
export type QueueFiles = ReadonlyMap<string, Buffer>

/** A queue's directory, and what is in it. */
export interface SampleQueue {
  readonly files: QueueFiles
  /** The record with sequence 1 first. */
  readonly records: readonly StoredRecord[]
  /** Ids of the dead letters that wait. */
  readonly letters: readonly string[]
}

export function newDisk(files: QueueFiles = new Map()): SimulatedFileSystem {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(7) })
  for (const [path, bytes] of files) disk.put(`${from}/${path}`, bytes)
  return disk
}

export function filesOn(disk: SimulatedFileSystem, directory = from): QueueFiles {
  const paths = disk.paths.filter((path) => path.startsWith(`${directory}/`))
  return new Map(paths.map((path) => [path.slice(directory.length + 1), disk.bytesOf(path)]))
}

export async function openQueue(
  fileSystem: SimulatedFileSystem,
  directory = from,
  segmentBytes = 4096 + 300,
  clock = new VirtualClock(),
): Promise<Queue> {
  const queue = fileQueue({ directory, fileSystem, lock: openLock, segmentBytes })
  await queue.open({
    namespace: 'titles',
    targets,
    directory: undefined,
    clock,
    random: new SeededRandom(11),
    reportError() {},
  })
  return queue
}

/**
 * Three segments of records of many shapes, some of them acked by each target, some tried, two dead
 * letters of which one is gone again. `'killed'` leaves it as the death of its process does.
 */
export async function sampleQueue(end: 'closed' | 'killed'): Promise<SampleQueue> {
  const disk = newDisk()
  const clock = new VirtualClock()
  const queue = await openQueue(disk, from, undefined, clock)
  const records: StoredRecord[] = []
  const producer = await queue.producer()
  const letters = await queue.deadLetters()
  const [search, cassandra] = [await queue.consumer('search'), await queue.consumer('cassandra')]
  for (let group = 0; group < 6; group++) {
    const sent = [record(group * 2), record(group * 2 + 1)]
    await producer.send(sent)
    records.push(...sent)
  }
  const ofSearch = await pullNow(search)
  await search.beginAttempts?.(ofSearch.slice(0, 7))
  await search.ack(ofSearch.slice(0, 3))
  await search.ack(ofSearch.slice(5, 7))
  const ofCassandra = await pullNow(cassandra)
  await cassandra.ack(ofCassandra.slice(0, 8))
  // Acks are written a moment later.
  await clock.advance(10)
  const [gone, waiting] = [
    makeDeadLetter({ record: record(90) }),
    makeDeadLetter({ record: record(91) }),
  ]
  await letters?.put([gone, waiting])
  await letters?.remove([gone.id])
  if (end === 'closed') {
    for (const part of [search, cassandra, producer, queue]) await part.close()
  }
  return { files: filesOn(disk), records, letters: [waiting.id] }
}

function record(number: number): StoredRecord {
  return makeStoredRecord({
    namespace: number % 5 === 4 ? 'others' : 'titles',
    key: `key-${number % 3}`,
    op: number % 4 === 3 ? 'delete' : 'put',
    payload: number % 4 === 3 ? undefined : Buffer.from(`payload ${number}`),
    dueAt: undefined,
    ...(number === 2 ? { headers: { source: 'écrit' }, target: 'search' } : {}),
  })
}
