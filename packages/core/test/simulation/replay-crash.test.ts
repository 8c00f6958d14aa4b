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

async function runLife(disk: SimulatedFileSystem, known: Known): Promise<void> {
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

function newDisk(): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) })
}

function newKnown(): Known {
  return { written: [], position: undefined, isComplete: false }
}

/** Halts at every call in turn; answers what is wrong first. */
async function afterHalts(
  restart: (disk: SimulatedFileSystem) => SimulatedFileSystem,
  forget: (known: Known) => Known = (known) => known,
) {
  const whole = newDisk()
  await runLife(whole, newKnown())
  for (let nth = 1; nth <= whole.calls() + 1; nth++) {
    const disk = newDisk()
    disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
    const known = newKnown()
    await runLife(disk, known)
    const wrong = await violations(restart(disk), forget(known))
    if (wrong.length > 0) return [`halted at call ${nth}`, ...wrong]
  }
  return []
}

describe('a replay that the machine cuts short', () => {
  it('goes on after a power cut at any call, and leaves out no record', async () => {
    expect(await afterHalts((disk) => disk.crash({ keep: 'none' }))).toEqual([])
  })

  it('goes on after the process was killed at any call, and leaves out no record', async () => {
    expect(await afterHalts((disk) => disk.kill())).toEqual([])
  })

  it('would leave some out, were it not gone on with', async () => {
    const given = (known: Known): Known => ({ ...known, isComplete: true })
    const wrong = await afterHalts((disk) => disk.kill(), given)
    expect(wrong).toContainEqual(expect.stringMatching(/is lost to the replay$/))
  })
})
