import type { FileSystem } from '../../src/queue/file/file-system.ts'
import { type Log, type LogEntry, type LogOptions, openLog } from '../../src/queue/file/log.ts'
import type { StoredRecord } from '../../src/record.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { LogHistory } from './log-history.ts'

export const directory = '/log/segments'

/** The run's seed; a failure prints it. */
export const seed = Number(process.env['DAYBOOK_SEED'] ?? 1)

/** Segments so small that a few groups fill one. */
export function logOptions(
  fileSystem: FileSystem,
  overrides: Partial<LogOptions> = {},
): LogOptions {
  return {
    directory,
    fileSystem,
    random: new SeededRandom(7),
    clock: new VirtualClock(),
    epoch: 1,
    namespace: 'films',
    segmentBytes: 7 * 1024,
    maxGroupBytes: 2 * 1024,
    zeroAheadBytes: 1024,
    knownSynced: 0,
    reportError: () => {},
    ...overrides,
  }
}

/** A record whose fields and size vary. */
export function someRecord(random: SeededRandom, number: number): StoredRecord {
  const payloadBytes = random.chance(0.1) ? 0 : random.integer(1, random.chance(0.1) ? 2500 : 300)
  return {
    ...evenRecord(random, number),
    namespace: random.chance(0.9) ? 'films' : 'others',
    key: random.chance(0.9) ? `key-${random.integer(1, 5)}` : undefined,
    op: random.pick(['put', 'patch', 'delete'] as const),
    headers: random.chance(0.2) ? { source: `écrit ${number}` } : {},
    dueAt: random.chance(0.1) ? 1_800_000_000_000 + number : undefined,
    target: random.chance(0.1) ? 'search' : undefined,
    transaction: random.chance(0.1) ? { id: `tx-${number}`, index: 3 } : undefined,
    attemptEpoch: random.integer(0, 1),
    payload: random.chance(0.1)
      ? undefined
      : Buffer.from(random.fill(new Uint8Array(payloadBytes))),
  }
}

/** A record as large as any other of these, so that frames of two groups can lie alike. */
function evenRecord(random: SeededRandom, number: number): StoredRecord {
  return {
    id: `record-${String(number).padStart(6, '0')}`,
    namespace: 'films',
    key: 'key',
    op: 'put',
    headers: {},
    writtenAt: 1_700_000_000_000 + number,
    dueAt: undefined,
    version: BigInt(number) * 16n,
    origin: 'local',
    target: undefined,
    transaction: undefined,
    attemptEpoch: 0,
    traceContext: undefined,
    encryptionKeyId: undefined,
    payload: Buffer.from(random.fill(new Uint8Array(100))),
  }
}

export interface Workload {
  readonly random: SeededRandom
  readonly history: LogHistory
  readonly writers?: number
  readonly appends?: number
}

/** Writers that append at once, one record or a few at a time, each waiting for its answers. */
export async function runWriters(log: Log, workload: Workload): Promise<void> {
  const { random, history, writers = 4, appends = 5 } = workload
  const makeRecord = random.chance(0.5) ? someRecord : evenRecord
  const write = async (own: SeededRandom): Promise<void> => {
    const writer = history.nextNumber()
    for (let append = 0; append < appends; append++) {
      const count = own.chance(0.7) ? 1 : own.integer(2, 3)
      const records = Array.from({ length: count }, () => makeRecord(own, history.nextNumber()))
      history.begin(writer, records)
      const outcomes = await log.append(records)
      for (const [index, record] of records.entries()) {
        history.answer(record, outcomes[index]?.durable ?? 'unknown')
      }
    }
  }
  await Promise.all(Array.from({ length: writers }, () => write(random.fork())))
}

/** A whole life of a log: opened, written to, closed. Never ends if the machine stops. */
export async function runLife(fileSystem: FileSystem, workload: Workload): Promise<void> {
  const log = await openLog(logOptions(fileSystem))
  await runWriters(log, workload)
  await log.close()
}

/** Everything the log holds, in small reads. */
export async function readAll(log: Log): Promise<readonly LogEntry[]> {
  const entries: LogEntry[] = []
  const reader = log.reader(1)
  for (;;) {
    const more = await reader.read({ maxRecords: 7, maxBytes: 2000 })
    if (more.length === 0) break
    entries.push(...more)
  }
  await reader.close()
  return entries
}

/**
 * Opens what a crash left, checks it against the history, writes more, and does so again. Answers
 * everything that was found wrong.
 */
export async function inspect(
  disk: SimulatedFileSystem,
  { random, history }: Workload,
): Promise<readonly string[]> {
  try {
    const wrong: string[] = []
    const log = await openLog(logOptions(disk))
    const found = await readAll(log)
    wrong.push(...history.violations(found))
    if (found.length !== log.lastSequence) wrong.push(`the last sequence is ${log.lastSequence}`)
    history.settle(found)
    const refused = history.count('no')
    await runWriters(log, { random, history, writers: 2, appends: 2 })
    const wentOn = history.count('no') === refused && history.count('unknown') === 0
    if (!wentOn) wrong.push('the log did not go on')
    await log.close()
    const again = await openLog(logOptions(disk))
    wrong.push(...history.violations(await readAll(again)))
    await again.close()
    return wrong
  } catch (error) {
    return [`${error}`]
  }
}
