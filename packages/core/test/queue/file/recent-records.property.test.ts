import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type Log, type LogEntry, type LogOptions, openLog } from '../../../src/queue/file/log.ts'
import type { LogReader } from '../../../src/queue/file/log-entry.ts'
import type { StoredRecord } from '../../../src/record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { LogHistory } from '../../simulation/log-history.ts'
import { changesDisk } from '../../simulation/log-machine.ts'
import { directory, logOptions, readAll, runWriters, seed } from '../../simulation/log-workload.ts'

/**
 * Reads along as the log grows, at a pace of its own, until it has all that there will be. Answers copies of what it was
 * given, made at once.
 */
async function follow(
  log: Log,
  random: SeededRandom,
  isOver: () => boolean,
  entries: LogEntry[] = [],
): Promise<readonly LogEntry[]> {
  const reader = log.follow(1)
  const idle = random.pick([0, 0.3, 0.9])
  for (;;) {
    const wasOver = isOver()
    const more = await readSome(reader, random)
    for (const entry of more ?? []) {
      entries.push(copyOf(entry))
      spoil(entry.record)
    }
    if (more?.length === 0 && wasOver) break
    if (!more?.length || random.chance(idle)) await setImmediate()
    while (random.chance(idle)) await setImmediate()
  }
  await reader.close()
  return entries
}

function copyOf(entry: LogEntry): LogEntry {
  const { payload } = entry.record
  return {
    ...entry,
    record: { ...structuredClone(entry.record), payload: payload && Buffer.from(payload) },
  }
}

/** A target may do what it likes with what it is given. */
function spoil(record: StoredRecord): void {
  record.payload?.fill(0)
  for (const part of [record, record.headers, record.transaction] as (object | undefined)[]) {
    for (const name in part) if (!Object.isFrozen(part)) Reflect.set(part, name, 'spoilt')
  }
}

/** Fails now and then, as the disk does; what was not read then is read later. */
async function readSome(reader: LogReader, random: SeededRandom) {
  const limits = random.pick([
    { maxRecords: random.integer(1, 3), maxBytes: 4000 },
    { maxRecords: 500, maxBytes: random.integer(1, 3000) },
    { maxRecords: 500, maxBytes: 1 << 20 },
  ])
  return await reader.read(limits).catch(() => undefined)
}

async function runOne(random: SeededRandom, overrides: Partial<LogOptions>): Promise<string[]> {
  const disk = new SimulatedFileSystem({ random: random.fork(), writeBack: 0.1 })
  await disk.makeDirectory(directory)
  const history = new LogHistory()
  const log = await openLog(logOptions(disk, { maxGroupBytes: 3000, ...overrides }))
  disk.fault = ({ kind }) => {
    const isHit = ['write', 'writeDurably', 'sync', 'read', 'open'].includes(kind)
    return isHit && random.chance(0.02) ? { fail: 'EIO', lands: random.next() } : undefined
  }
  let isOver = false
  const followed = [1, 2, 3].map(() => follow(log, random.fork(), () => isOver))
  await runWriters(log, { random, history, writers: 6, appends: 15 })
  isOver = true
  const found = await Promise.all(followed)
  disk.fault = () => undefined
  const inFile = await readAll(log)
  for (const entries of found) expect(entries).toEqual(inFile)
  const wrong = history.violations(inFile)
  await log.close()
  return [...wrong]
}

for (const recentBytes of [0, 2100, 5000, 200_000]) {
  it(`followers are given what is in the files, with ${recentBytes} bytes of memory`, async () => {
    const random = new SeededRandom(seed)
    for (let round = 0; round < 15; round++) {
      expect(await runOne(random.fork(), { recentBytes })).toEqual([])
    }
  })
}

it('what a follower was given is there after a power cut, whenever that comes', async () => {
  const random = new SeededRandom(seed)
  let given = 0
  for (let call = 3; call < 60; call++) {
    const disk = new SimulatedFileSystem({ random: random.fork() })
    await disk.makeDirectory(directory)
    const log = await openLog(logOptions(disk, { maxGroupBytes: 3000 }))
    let left = call
    disk.fault = (one) => (changesDisk(one) && --left < 0 ? { halt: true } : undefined)
    const entries: LogEntry[] = []
    void follow(log, random.fork(), () => disk.isHalted, entries)
    const workload = { random: random.fork(), history: new LogHistory(), appends: 15 }
    await Promise.race([runWriters(log, workload), disk.halted])
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    const kept = await readAll(await openLog(logOptions(disk.crash({ keep: 'none' }))))
    expect(entries).toEqual(kept.slice(0, entries.length))
    given += entries.length
  }
  expect(given).toBeGreaterThan(500)
})
