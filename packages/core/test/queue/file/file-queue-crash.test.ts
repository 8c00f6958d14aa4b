import { describe, expect, it } from 'vitest'
import type { Consumer } from '../../../src/consumer/consumer.ts'
import { fileQueue } from '../../../src/queue/file/file-queue.ts'
import type { Queue } from '../../../src/queue/queue.ts'
import { makeDeadLetter, makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { openLock } from './support/open-lock.ts'
import { keysOf, pullNow } from './support/open-queue.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const targets = ['search', 'cassandra'] as const

/** What has happened to records, by their ids, as far as anybody was told. */
interface Known {
  /** Answered with yes. */
  readonly durable: Set<string>
  /** Per target: given to `ack`. */
  readonly acked: ReadonlyMap<string, Set<string>>
  /** Ids of letters whose put has resolved. */
  readonly letters: Set<string>
}

function newKnown(): Known {
  return {
    durable: new Set(),
    acked: new Map(targets.map((target) => [target, new Set<string>()])),
    letters: new Set(),
  }
}

function newDisk(): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) })
}

async function open(fileSystem: SimulatedFileSystem, errors: unknown[]): Promise<Queue> {
  const queue = fileQueue({
    directory: '/wal/titles',
    fileSystem,
    lock: openLock,
    segmentBytes: 8192,
  })
  await queue.open({
    namespace: 'titles',
    targets,
    directory: undefined,
    clock: new VirtualClock(),
    random: new SeededRandom(seed),
    reportError: (error) => errors.push(error),
  })
  return queue
}

/** Sends, pulls, begins, acks, dead-letters; then closes. Ends early if the machine stops. */
async function runLife(disk: SimulatedFileSystem, known: Known): Promise<void> {
  const life = async (): Promise<void> => {
    const queue = await open(disk, [])
    const producer = await queue.producer()
    const consumers = new Map<string, Consumer>()
    for (const target of targets) consumers.set(target, await queue.consumer(target))
    for (let round = 0; round < 5; round++) {
      const records = Array.from({ length: 3 }, () => makeStoredRecord())
      const outcomes = await producer.send(records)
      for (const [at, { id }] of records.entries()) {
        if (outcomes[at]?.durable === 'yes') known.durable.add(id)
      }
      for (const [target, consumer] of consumers) {
        await consumeSome(queue, consumer, { target, round, known })
      }
    }
    for (const consumer of consumers.values()) await consumer.close()
    await producer.close()
    await queue.close()
  }
  await Promise.race([life().catch(() => {}), disk.halted])
}

/** Acks some, the first of them as a dead letter in every other round. */
async function consumeSome(
  queue: Queue,
  consumer: Consumer,
  { target, round, known }: { target: string; round: number; known: Known },
): Promise<void> {
  const deliveries = await pullNow(consumer, target === 'search' ? 2 : 3)
  await consumer.beginAttempts?.(deliveries)
  const dead = deliveries.slice(0, round % 2)
  const letters = dead.map(({ record }) => makeDeadLetter({ record, target }))
  await (await queue.deadLetters())?.put(letters)
  for (const { id } of letters) known.letters.add(id)
  for (const { record } of deliveries) known.acked.get(target)?.add(record.id)
  await consumer.ack(deliveries)
}

async function expectNothingLost(
  disk: SimulatedFileSystem,
  known: Known,
  when: string,
): Promise<void> {
  const errors: unknown[] = []
  const queue = await open(disk, errors)
  expect(errors, when).toEqual([])
  const letters = await queue.deadLetters()
  for (const id of known.letters) expect((await letters?.get(id))?.id, when).toBe(id)
  for (const target of targets) {
    const consumer = await queue.consumer(target)
    const left = new Set((await pullNow(consumer)).map(({ record }) => record.id))
    for (const id of known.durable) {
      const isSafe = left.has(id) || known.acked.get(target)?.has(id)
      expect(isSafe, `record ${id} at ${target}, ${when}`).toBe(true)
    }
    await consumer.close()
  }
  const producer = await queue.producer()
  expect((await producer.send([makeStoredRecord()]))[0]?.durable, when).toBe('yes')
  await queue.close()
}

describe('a file queue', () => {
  it('loses nothing to a power cut or a kill at any call', { timeout: 60_000 }, async () => {
    const whole = newDisk()
    await runLife(whole, newKnown())
    for (let nth = 1; nth <= whole.calls(); nth++) {
      const disk = newDisk()
      const known = newKnown()
      disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
      await runLife(disk, known)
      for (const keep of ['none', 'all', 'random'] as const) {
        await expectNothingLost(disk.crash({ keep }), known, `stopped at call ${nth}, kept ${keep}`)
      }
      await expectNothingLost(disk.kill(), known, `killed at call ${nth}`)
    }
  })

  it('loses nothing to a second power cut while it recovers from the first', {
    timeout: 60_000,
  }, async () => {
    const random = new SeededRandom(seed)
    const whole = newDisk()
    await runLife(whole, newKnown())
    for (let round = 0; round < 60; round++) {
      const disk = newDisk()
      const known = newKnown()
      const first = random.integer(30, whole.calls())
      disk.fault = ({ number }) => (number === first ? { halt: true } : undefined)
      await runLife(disk, known)
      const again = disk.crash({ keep: 'random' })
      const second = random.integer(1, 60)
      again.fault = ({ number }) => (number === second ? { halt: true } : undefined)
      await runLife(again, known)
      const when = `stopped at calls ${first} and ${second}`
      await expectNothingLost(again.crash({ keep: 'random' }), known, when)
    }
  })

  it('loses nothing to one call that fails', { timeout: 60_000 }, async () => {
    const whole = newDisk()
    await runLife(whole, newKnown())
    for (let nth = 1; nth <= whole.calls(); nth++) {
      for (const lands of [0, 1]) {
        const disk = newDisk()
        const known = newKnown()
        disk.fault = ({ number }) => (number === nth ? { fail: 'EIO', lands } : undefined)
        await runLife(disk, known)
        const when = `call ${nth} failed, landed ${lands}`
        await expectNothingLost(disk.crash({ keep: 'random' }), known, when)
      }
    }
  })
})

describe('the ack of a redriven record', () => {
  it('survives a power cut, as its letter is removed next; that of any other may be forgotten', async () => {
    const disk = newDisk()
    await disk.makeDirectory('/wal')
    const queue = await open(disk, [])
    const producer = await queue.producer()
    await producer.send([
      makeStoredRecord({ key: 'written' }),
      makeStoredRecord({ key: 'redriven', attemptEpoch: 1 }),
      makeStoredRecord({ key: 'later' }),
    ])
    const consumer = await queue.consumer('search')
    const [written, redriven, later] = await pullNow(consumer)
    for (const delivery of [written, redriven, later]) {
      if (delivery) await consumer.ack([delivery])
    }
    const next = await open(disk.crash({ keep: 'none', random: new SeededRandom(seed) }), [])
    expect(keysOf(await pullNow(await next.consumer('search')))).toEqual(['later'])
  })
})
