import { describe, expect, it } from 'vitest'
import { fileQueue } from '../../src/queue/file/file-queue.ts'
import type { Queue } from '../../src/queue/queue.ts'
import type { StoredRecord, WalRecord } from '../../src/record.ts'
import type { ReplayOptions } from '../../src/replay/replay.ts'
import { Replays } from '../../src/replay/replays.ts'
import { makeStoredRecord } from '../../src/testing/make-record.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { VersionClock } from '../../src/version.ts'
import { openLock } from '../queue/file/support/open-lock.ts'
import { pullNow } from '../queue/file/support/open-queue.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const targets = ['search', 'database']
/** Four of them are as much as a replay sends at a time. */
const payload = new Uint8Array(300_000)

/** What whoever asked for the replay knows when the machine stops. */
interface Known {
  /** Records that were answered `'yes'`, in order. */
  readonly written: StoredRecord[]
  /** The last position the replay told of. */
  position: string | undefined
  isComplete: boolean
}

async function openQueue(disk: SimulatedFileSystem): Promise<Queue> {
  const clock = new VirtualClock()
  const queue = fileQueue({
    directory: '/wal',
    fileSystem: disk,
    lock: openLock,
    segmentBytes: 1_000_000,
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

async function replay(queue: Queue, options: Partial<ReplayOptions>) {
  const producer = await queue.producer()
  const replays = new Replays({
    namespace: 'films',
    queue,
    targets: { search: { idempotency: 'version' }, database: { idempotency: 'version' } },
    clock: new VirtualClock(),
    decode: (record) => record as WalRecord,
    send: (records) => producer.send(records),
    versions: new VersionClock({ region: 0, floor: queue.highestVersion?.() ?? 0n }),
    concerns: () => true,
    pace: () => ({ allowed: (wanted) => wanted, waitMs: () => 0, spend: () => {} }),
  })
  const report = await replays.run({ target: 'search', ...options })
  await producer.close()
  return report
}

async function runLife(
  disk: SimulatedFileSystem,
  known: Known,
  options: Partial<ReplayOptions> = {},
): Promise<void> {
  const life = async (): Promise<void> => {
    const queue = await openQueue(disk)
    const producer = await queue.producer()
    for (const key of ['a', 'b', 'a', 'a', 'b', 'a', 'c', 'a', 'b', 'b']) {
      const record = makeStoredRecord({ namespace: 'films', key, payload })
      const [outcome] = await producer.send([record])
      if (outcome?.durable === 'yes') known.written.push(record)
    }
    await producer.close()
    const { complete } = await replay(queue, {
      ...options,
      onProgress: ({ position }) => {
        known.position = position
      },
    })
    known.isComplete = complete
    await queue.close()
  }
  // Where the disk fails for good the replay says so: it is the machine's end that is of interest.
  await Promise.race([life(), disk.halted])
}

/** Goes on with the replay, and says what is wrong with what the targets are given then. */
async function violations(disk: SimulatedFileSystem, known: Known): Promise<readonly string[]> {
  const queue = await openQueue(disk)
  if (!known.isComplete) {
    const { position } = known
    await replay(queue, { from: position === undefined ? undefined : { position } })
  }
  const wrong: string[] = []
  for (const target of targets) {
    const consumer = await queue.consumer(target)
    const came = (await pullNow(consumer)).map(({ record }) => record)
    await consumer.close()
    const copies = came.filter(({ attemptEpoch }) => attemptEpoch > 0)
    if (target === 'search') wrong.push(...wrongOf(copies, known.written))
    else if (copies.length > 0) wrong.push(`${copies.length} copies came to ${target}`)
  }
  await queue.close()
  return wrong
}

/** Each record came again, and after its last coming none of its key that was written before it. */
function wrongOf(copies: readonly StoredRecord[], written: readonly StoredRecord[]): string[] {
  const wrong: string[] = []
  for (const [index, { id, key }] of written.entries()) {
    const last = copies.findLastIndex((copy) => copy.id === id)
    if (last === -1) wrong.push(`record ${index} of the log is lost to the replay`)
    const earlier = written.slice(0, index).filter((one) => one.key === key)
    const behind = copies
      .slice(last + 1)
      .filter((copy) => earlier.some((one) => one.id === copy.id))
    if (behind.length > 0) wrong.push(`record ${index} of the log came before one that is older`)
  }
  return wrong
}

/** Begins a restamping replay anew, as one cannot go on with it, and compares with the log's order. */
async function restampViolations(disk: SimulatedFileSystem, known: Known, again: boolean) {
  const queue = await openQueue(disk)
  if (again && !known.isComplete) await replay(queue, { restamp: true })
  const versions = new VersionClock({ region: 0, floor: queue.highestVersion?.() ?? 0n })
  const originals = await recordsFor(queue, 'database')
  const copies = (await recordsFor(queue, 'search')).filter(({ attemptEpoch }) => attemptEpoch > 0)
  await queue.close()
  const restored = stateByVersion(copies)
  const wrong: string[] = []
  for (const [key, { id }] of stateByVersion(originals)) {
    const got = restored.get(key)
    if (got === undefined) wrong.push(`key ${key} is lost to the replay`)
    else if (got.id !== id) wrong.push(`key ${key} ends with a record that is not its last`)
    else if (versions.next(key, 0) <= got.version) wrong.push(`a later write of ${key} would lose`)
  }
  return wrong
}

async function recordsFor(queue: Queue, target: string): Promise<readonly StoredRecord[]> {
  const consumer = await queue.consumer(target)
  const came = (await pullNow(consumer)).map(({ record }) => record)
  await consumer.close()
  return came
}

/** What a store would hold that was empty and takes the highest version of each key. */
function stateByVersion(records: readonly StoredRecord[]): Map<string, StoredRecord> {
  const state = new Map<string, StoredRecord>()
  for (const record of records) {
    const { key = '', version } = record
    if (version > (state.get(key)?.version ?? -1n)) state.set(key, record)
  }
  return state
}

function newDisk(): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) })
}

function newKnown(): Known {
  return { written: [], position: undefined, isComplete: false }
}

interface Halting {
  readonly restart: (disk: SimulatedFileSystem) => SimulatedFileSystem
  readonly options?: Partial<ReplayOptions>
  readonly check?: (disk: SimulatedFileSystem, known: Known) => Promise<readonly string[]>
}

/** Halts at every call in turn; answers what is wrong first. */
async function afterHalts({ restart, options, check = violations }: Halting) {
  const whole = newDisk()
  await runLife(whole, newKnown(), options)
  for (let nth = 1; nth <= whole.calls() + 1; nth++) {
    const disk = newDisk()
    disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
    const known = newKnown()
    await runLife(disk, known, options)
    const wrong = await check(restart(disk), known)
    if (wrong.length > 0) return [`halted at call ${nth}`, ...wrong]
  }
  return []
}

const cut = (disk: SimulatedFileSystem) => disk.crash({ keep: 'none' })
const kill = (disk: SimulatedFileSystem) => disk.kill()

describe('a replay that the machine cuts short', () => {
  it('goes on after a power cut at any call, and leaves out no record', async () => {
    expect(await afterHalts({ restart: cut })).toEqual([])
  })

  it('goes on after the process was killed at any call, and leaves out no record', async () => {
    expect(await afterHalts({ restart: kill })).toEqual([])
  })

  it('would leave some out, were it not gone on with', async () => {
    const wrong = await afterHalts({
      restart: kill,
      check: (disk, known) => violations(disk, { ...known, isComplete: true }),
    })
    expect(wrong).toContainEqual(expect.stringMatching(/is lost to the replay$/))
  })
})

describe('a restamping replay that the machine cuts short', () => {
  const restamped = (again: boolean) => ({
    options: { restamp: true },
    check: (disk: SimulatedFileSystem, known: Known) => restampViolations(disk, known, again),
  })

  it('ends with the last record of each key when begun anew after a power cut at any call', async () => {
    expect(await afterHalts({ restart: cut, ...restamped(true) })).toEqual([])
  })

  it('ends with the last record of each key when begun anew after a kill at any call', async () => {
    expect(await afterHalts({ restart: kill, ...restamped(true) })).toEqual([])
  })

  it('would not, were it not begun anew', async () => {
    const wrong = await afterHalts({ restart: kill, ...restamped(false) })
    expect(wrong.join()).toMatch(/lost to the replay|not its last/)
  })
})
