import { beforeEach, describe, expect, it } from 'vitest'
import type { Consumer, Delivery } from '../../../src/consumer/consumer.ts'
import { noAttempts } from '../../../src/consumer/consumer.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { openLock } from './support/open-lock.ts'
import { keysOf, OpenQueue, pullNow } from './support/open-queue.ts'

let clock: VirtualClock
let disk: SimulatedFileSystem
let consumer: Consumer
let deliveries: readonly Delivery[]

beforeEach(async () => {
  clock = new VirtualClock()
  disk = new SimulatedFileSystem({ random: new SeededRandom(3) })
  const opened = await open(disk)
  await opened.send(...'abcdefgh'.split('').map((key) => ({ key })))
  consumer = await opened.consumer()
  deliveries = await pullNow(consumer)
})

function open(fileSystem: SimulatedFileSystem, directory = '/wal/titles'): Promise<OpenQueue> {
  return OpenQueue.open({ directory, fileSystem, lock: openLock }, clock)
}

/** Begins the attempts of these, and tells that those of the others follow soon. */
async function begin(keys: string, soon = ''): Promise<void> {
  await consumer.beginAttempts?.(of(keys), () => of(soon))
}

function of(keys: string): readonly Delivery[] {
  return deliveries.filter(({ record }) => keys.includes(record.key ?? ''))
}

/** What is handed out if the process dies now. */
async function afterDeath(): Promise<readonly Delivery[]> {
  const found = new SimulatedFileSystem({ random: new SeededRandom(5) })
  for (const path of disk.paths) found.put(path, disk.bytesOf(path))
  const after = await open(found)
  return pullNow(await after.consumer())
}

/** Keys of the records that count an attempt if the process dies now. */
async function suspects(): Promise<string> {
  const tried = (await afterDeath()).filter(({ attempts }) => attempts.interrupted > 0)
  return tried.map(({ record }) => record.key).join('')
}

describe('AttemptNotes', () => {
  it('has those that follow noted with the one that begins, which then begin without a write', async () => {
    await begin('a', 'bcd')
    expect(await suspects()).toBe('abcd')
    const writes = countWrites()
    await begin('b')
    await begin('c')
    expect(writes()).toBe(0)
    await begin('e')
    expect(writes()).toBe(1)
    expect(await suspects()).toBe('abcde')
  })

  it('lets nobody begin before the note made ahead of it is written', async () => {
    const order: string[] = []
    const first = begin('a', 'b').then(() => order.push('a'))
    const second = begin('b').then(() => order.push('b'))
    expect(order).toEqual([])
    await Promise.all([first, second])
    expect(await suspects()).toBe('ab')
  })

  it('takes back what has not begun 20 ms later, also while others begin all the time', async () => {
    await begin('a', 'bc')
    await clock.advance(15)
    await begin('d', 'e')
    await clock.advance(4)
    expect(await suspects()).toBe('abcde')
    await clock.advance(2)
    expect(await suspects()).toBe('ade')
    await clock.advance(15)
    expect(await suspects()).toBe('ad')
  })

  it('notes anew what was taken back, or was given back', async () => {
    await begin('a', 'bc')
    await clock.advance(25)
    await begin('b')
    expect(await suspects()).toBe('ab')
    await begin('d', 'e')
    await consumer.release(
      of('e').map((delivery) => ({ delivery, attempts: noAttempts, delayMs: 0 })),
    )
    await pullNow(consumer)
    await begin('e')
    expect(await suspects()).toBe('abde')
  })

  it('keeps the note of what has begun, however long it takes', async () => {
    await begin('a', 'b')
    await begin('b')
    await clock.advance(60_000)
    expect(await suspects()).toBe('ab')
  })

  it('keeps what is known of attempts when it takes a note back', async () => {
    const attempts = { ...noAttempts, spent: 2, notBefore: 1 }
    await consumer.saveAttempts(of('b').map((delivery) => ({ delivery, attempts })))
    await begin('a', 'b')
    await clock.advance(25)
    const again = await afterDeath()
    expect(again[1]).toMatchObject({ record: { key: 'b' }, attempts: { spent: 2, interrupted: 0 } })
  })

  it('notes nothing ahead of a large batch', async () => {
    const opened = await open(new SimulatedFileSystem({ random: new SeededRandom(5) }))
    await opened.send(...Array.from({ length: 17 }, (_, at) => ({ key: `k${at}` })))
    const large = await opened.consumer()
    const pulled = await pullNow(large)
    let asked = 0
    const soon = (): readonly Delivery[] => {
      asked++
      return []
    }
    await large.beginAttempts?.(pulled.slice(0, 16), soon)
    expect(asked).toBe(0)
    await large.beginAttempts?.(pulled.slice(16), soon)
    expect(asked).toBe(1)
  })

  it('notes others before those noted ahead run out, so that nobody who begins waits for it', async () => {
    const many = await openWith(24)
    await many.begin(0, 16)
    for (const at of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) await many.begin(at, at + 12)
    expect(many.writes()).toBe(1)
    await many.begin(12, 24)
    expect(many.writes()).toBe(2)
    for (const at of [13, 14, 15, 16, 17, 18]) await many.begin(at, 24)
    expect(many.writes()).toBe(2)
  })

  it('writes nothing before they run out for the sake of a few', async () => {
    const many = await openWith(24)
    await many.begin(0, 4)
    for (const at of [1, 2, 3]) await many.begin(at, at + 5)
    expect(many.writes()).toBe(1)
    await many.begin(4, 9)
    expect(many.writes()).toBe(2)
  })

  it('writes acks together, within 5 ms, and with whatever is written before', async () => {
    const writes = countWrites()
    for (const delivery of of('abc')) await consumer.ack([delivery])
    await clock.advance(4)
    expect(writes()).toBe(0)
    await clock.advance(1)
    expect(writes()).toBe(1)
    for (const delivery of of('de')) await consumer.ack([delivery])
    await begin('f')
    expect(writes()).toBe(2)
    expect(keysOf(await afterDeath())).toEqual(['f', 'g', 'h'])
  })

  it('counts 5 ms for acks from the first that no write has taken', async () => {
    const writes = countWrites()
    await consumer.ack(of('a'))
    await clock.advance(4)
    await begin('b')
    await consumer.ack(of('b'))
    await clock.advance(4)
    expect(writes()).toBe(1)
    await clock.advance(1)
    expect(writes()).toBe(2)
  })
})

/** A consumer that was handed so many records. */
async function openWith(records: number) {
  const opened = await open(disk, '/wal/many')
  await opened.send(...Array.from({ length: records }, (_, at) => ({ key: `k${at}` })))
  const many = await opened.consumer()
  const pulled = await pullNow(many)
  const writes = countWrites('/wal/many')
  return {
    writes,
    /** Begins the attempt of the one, while those that follow it up to `end` are ready. */
    begin: (at: number, end: number) =>
      many.beginAttempts?.(pulled.slice(at, at + 1), () => pulled.slice(at + 1, end).slice(0, 16)),
  }
}

/** Counts writes to the cursor from here on. */
function countWrites(directory = '/wal/titles'): () => number {
  let writes = 0
  disk.fault = ({ kind, path }) => {
    if (kind === 'write' && path.startsWith(directory) && path.includes('search')) writes++
    return undefined
  }
  return () => writes
}
