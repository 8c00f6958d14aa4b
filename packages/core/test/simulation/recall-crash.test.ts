import { describe, expect, it } from 'vitest'
import { DelayedRecords } from '../../src/delayed-records.ts'
import { fileQueue } from '../../src/queue/file/file-queue.ts'
import type { Queue } from '../../src/queue/queue.ts'
import type { StoredRecord } from '../../src/record.ts'
import { makeStoredRecord } from '../../src/testing/make-record.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { openLock } from '../queue/file/support/open-lock.ts'
import { pullNow } from '../queue/file/support/open-queue.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const targets = ['search', 'database']
const hourMs = 3_600_000

/** What was asked for a record, and whether that was answered before the machine stopped. */
interface Asked {
  readonly call: 'cancel' | 'reschedule'
  readonly dueAt: number
  answered: boolean
}

interface Known {
  /** Records that were answered `'yes'`, by id; as written. */
  readonly written: Map<string, StoredRecord>
  /** The last thing asked for an id. */
  readonly asked: Map<string, Asked>
  /** All due times that a record was ever to have. */
  readonly times: Map<string, number[]>
}

async function openQueue(disk: SimulatedFileSystem, clock: VirtualClock): Promise<Queue> {
  const queue = fileQueue({
    directory: '/wal',
    fileSystem: disk,
    lock: openLock,
    segmentBytes: 20_000,
    scheduleRecords: 2,
  })
  await queue.open({
    namespace: 'films',
    targets,
    directory: undefined,
    clock,
    random: new SeededRandom(seed),
    reportError: () => {},
  })
  return queue
}

/** Writes delayed records, gives some of them another time, and cancels others. */
async function runLife(disk: SimulatedFileSystem, known: Known): Promise<void> {
  const clock = new VirtualClock()
  const random = new SeededRandom(seed)
  const life = async (): Promise<void> => {
    const queue = await openQueue(disk, clock)
    const producer = await queue.producer()
    const delayed = new DelayedRecords({
      namespace: 'films',
      queue,
      targets,
      dueAt: ({ at }) => Number(at),
      send: (records) => producer.send(records),
    })
    const consumer = await queue.consumer('search')
    for (let round = 0; round < 4; round++) {
      const records = Array.from({ length: 5 }, () =>
        makeStoredRecord({
          namespace: 'films',
          writtenAt: clock.now(),
          dueAt: clock.now() + hourMs + random.integer(0, 50),
        }),
      )
      for (const { id, dueAt = 0 } of records) known.times.set(id, [dueAt])
      await producer.send(records)
      for (const record of records) known.written.set(record.id, record)
      if (random.chance(0.5)) await pullNow(consumer)
      const ids = [...known.written.keys()]
      for (let count = 0; count < 2; count++) {
        const id = ids[random.integer(0, ids.length - 1)] ?? ''
        await ask(delayed, known, id, random.chance(0.4) ? undefined : clock.now() + hourMs * 2)
      }
    }
    await consumer.close()
    await producer.close()
    await queue.close()
  }
  await Promise.race([life(), disk.halted])
}

async function ask(delayed: DelayedRecords, known: Known, id: string, dueAt: number | undefined) {
  const before = known.asked.get(id)
  // A record that is gone for good can be given no other time.
  if (before?.call === 'cancel') return
  const asked: Asked = { call: dueAt ? 'reschedule' : 'cancel', dueAt: dueAt ?? 0, answered: false }
  known.asked.set(id, asked)
  if (dueAt === undefined) await delayed.cancel(id)
  else {
    known.times.get(id)?.push(dueAt)
    await delayed.reschedule(id, { at: dueAt })
  }
  asked.answered = true
}

/** What is wrong with what comes, at every target, from what was found on the disk. */
async function violations(disk: SimulatedFileSystem, known: Known): Promise<readonly string[]> {
  const clock = new VirtualClock()
  const queue = await openQueue(disk, clock)
  const wrong: string[] = []
  for (const target of targets) {
    const consumer = await queue.consumer(target)
    const came = new Map<string, number[]>()
    for (let hours = 0; hours <= 3; hours++) {
      for (const { record } of await pullNow(consumer)) {
        const { id, dueAt = 0 } = record
        if (dueAt > clock.now()) wrong.push(`${id} is early at ${target}`)
        came.set(id, [...(came.get(id) ?? []), dueAt])
      }
      await clock.advance(hourMs)
    }
    for (const id of known.written.keys()) wrong.push(...wrongOf(id, came.get(id) ?? [], known))
    await consumer.close()
  }
  await queue.close()
  return wrong
}

function wrongOf(id: string, came: readonly number[], { asked, times }: Known): string[] {
  const last = asked.get(id)
  const isCancelled = last?.call === 'cancel'
  if (came.some((dueAt) => !times.get(id)?.includes(dueAt))) return [`${id} came at no time of its`]
  if (isCancelled && last.answered) return came.length > 0 ? [`${id} came, though cancelled`] : []
  if (came.length === 0) return isCancelled ? [] : [`${id} is lost`]
  const isMoved = last?.call === 'reschedule' && last.answered
  if (isMoved && came.some((dueAt) => dueAt !== last.dueAt)) return [`${id} came at its old time`]
  if ((isMoved || !last) && came.length > 1) return [`${id} came ${came.length} times`]
  return []
}

function newKnown(): Known {
  return { written: new Map(), asked: new Map(), times: new Map() }
}

function newDisk(): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) })
}

/** Halts at every call in turn; answers what is wrong first. */
async function afterHalts(restart: (disk: SimulatedFileSystem) => SimulatedFileSystem[]) {
  const whole = newDisk()
  await runLife(whole, newKnown())
  for (let nth = 1; nth <= whole.calls() + 1; nth++) {
    const disk = newDisk()
    disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
    const known = newKnown()
    await runLife(disk, known)
    for (const found of restart(disk)) {
      const wrong = await violations(found, known)
      if (wrong.length > 0) return [`halted at call ${nth}`, ...wrong]
    }
  }
  return []
}

describe('records that are cancelled or given another time', () => {
  it('stay so after a power cut at any call, and none is lost or early', async () => {
    const keeps = ['none', 'all', 'random'] as const
    expect(await afterHalts((disk) => keeps.map((keep) => disk.crash({ keep })))).toEqual([])
  })

  it('stay so where the process is killed at any call', async () => {
    expect(await afterHalts((disk) => [disk.kill()])).toEqual([])
  })

  it('would not, were the cursor not synced', async () => {
    const whole = newDisk()
    await runLife(whole, newKnown())
    const wrong = await afterHalts((disk) => [forgettingCursors(disk)])
    expect(wrong).toContainEqual(expect.stringMatching(/cancelled$|at its old time$/))
  })
})

/** What a power cut would leave had no sync of a cursor been made since its file was. */
function forgettingCursors(disk: SimulatedFileSystem): SimulatedFileSystem {
  const found = disk.crash({ keep: 'none' })
  for (const path of found.paths.filter((each) => each.endsWith('.cursor'))) {
    found.put(path, found.bytesOf(path).subarray(0, 32))
  }
  return found
}
