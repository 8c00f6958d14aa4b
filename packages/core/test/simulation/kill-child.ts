/**
 * One life of a process that writes to a directory and delivers from it at the same time, until it
 * is killed or done. Says on its standard output in which phase it is.
 */

import { writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import {
  applied,
  createWal,
  fanOut,
  fileQueue,
  type Namespace,
  type Outcome,
  permanent,
  type Target,
  transient,
  type,
  unavailable,
  type WalError,
  type WalRecord,
} from '../../src/index.ts'
import type { FileSystem } from '../../src/queue/file/file-system.ts'
import { nodeFileSystem } from '../../src/queue/file/node-file-system.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import {
  addLines,
  bodyOf,
  concurrency,
  isPoison,
  type Letter,
  maxBatchRecords,
  type Write,
} from './kill-history.ts'

/** What a test asks of a life. */
export interface KillTask {
  readonly directory: string
  readonly life: number
  readonly seed: number
  /** Records written before delivery starts, and while it goes on. */
  readonly records: readonly [number, number]
  readonly segmentBytes?: number
  /** What the log keeps of what is done with. */
  readonly retainedBytes?: number
  /** Mends dead letters and puts them back. */
  readonly redrives: boolean
  /** The last life: lists the dead letters at the end. */
  readonly isLast: boolean
}

interface Payload {
  readonly life: number
  readonly number: number
  readonly body: string
  readonly mended?: true
}

const writers = 24
const keys = Array.from({ length: 40 }, (_, index) => `key${index}`)

const task: KillTask = JSON.parse(process.argv[2] ?? '{}')
const random = new SeededRandom(task.seed)
const fileOf = (name: string): string => join(task.directory, name)

const phases = ['opening', 'writing', 'delivering', 'draining', 'closing', 'closed'] as const

/** Written at once: it stays whatever happens next. */
function say(phase: (typeof phases)[number], ...facts: readonly unknown[]): void {
  writeSync(1, `${[phase, ...facts].join(' ')}\n`)
}

/** Every record here is a put. */
function payloadOf(record: WalRecord<Payload>): Payload {
  if (record.op === 'put') return record.payload
  throw new Error(`nobody wrote a ${record.op}`)
}

function writeOf(record: WalRecord<Payload>): Write {
  const { life, number } = payloadOf(record)
  return { life, key: record.key ?? '', number }
}

function addApplied(target: string, records: readonly WalRecord<Payload>[]): void {
  const lines = records.map((record) => ({
    ...writeOf(record),
    id: record.id,
    version: `${record.version}`,
    at: task.life,
    body: payloadOf(record).body,
    mended: payloadOf(record).mended ?? false,
    early: record.dueAt !== undefined && record.dueAt > Date.now(),
  }))
  if (lines.length > 0) addLines(fileOf(target), lines)
}

const steady: Target<Payload> = {
  idempotency: 'version',
  async apply(records) {
    addApplied('steady', records)
    if (random.chance(0.2)) await wait(1)
  },
}

/** Fails as a whole, fails for one record, is down, or takes its time before and after. */
const shaky: Target<Payload> = {
  idempotency: 'version',
  async apply(records): Promise<readonly Outcome[]> {
    if (random.chance(0.2)) await wait(random.integer(0, 2))
    if (random.chance(0.01)) throw Object.assign(new Error('reset by peer'), { code: 'ECONNRESET' })
    if (random.chance(0.01)) return records.map(() => unavailable('DOWN', 'it restarts'))
    const outcomes = records.map((record): Outcome => {
      if (isPoison(writeOf(record)) && !payloadOf(record).mended)
        return permanent('POISON', 'it will never be applied')
      return random.chance(0.02) ? transient('BUSY', 'come back later') : applied
    })
    addApplied(
      'shaky',
      records.filter((_, index) => outcomes[index] === applied),
    )
    if (random.chance(0.2)) await wait(1)
    return outcomes
  },
}

const numbers = new Map<string, number>()
let lateRecords = 0

/**
 * Calls in the order of the numbers, whether or not the writes before have been answered. Now and
 * then a delayed record, of a key of its own: it would lose its place in another.
 */
async function write(films: Namespace<Payload>): Promise<void> {
  const isLate = random.chance(0.15)
  const key = isLate ? `late${task.life}.${lateRecords++}` : random.pick(keys)
  const number = (numbers.get(key) ?? 0) + 1
  numbers.set(key, number)
  const place: Write = { life: task.life, key, number }
  addLines(fileOf('called'), [place])
  const payload = { life: task.life, number, body: bodyOf(place) }
  const delay = isLate ? random.integer(1, 400) : 0
  const { id, version } = await films.write({ key, payload, delay })
  addLines(fileOf('acknowledged'), [{ ...place, id, version: `${version}` }])
}

async function writeMany(films: Namespace<Payload>, records: number): Promise<void> {
  let left = records
  const loop = async (): Promise<void> => {
    while (left-- > 0) {
      await write(films)
      if (random.chance(0.1)) await wait(random.integer(0, 3))
    }
  }
  await Promise.all(Array.from({ length: writers }, loop))
}

/** The machine's, which notes when a file of a segment that has gone becomes the next one. */
const fileSystem: FileSystem = {
  ...nodeFileSystem,
  async rename(from, to) {
    await nodeFileSystem.rename(from, to)
    if (to.endsWith('.segment')) addLines(fileOf('reuses'), [{ life: task.life }])
  },
}

function openWal() {
  return createWal({
    directory: fileOf('wal'),
    namespaces: {
      films: fanOut({
        payload: type<Payload>(),
        queue: fileQueue({
          directory: fileOf('wal'),
          fileSystem,
          // Runs are written and merged all the time.
          scheduleRecords: 3,
          ...(task.segmentBytes === undefined ? {} : { segmentBytes: task.segmentBytes }),
        }),
        targets: { steady, shaky },
        retention: task.retainedBytes === undefined ? {} : { bytes: task.retainedBytes },
        concurrency,
        batch: { maxRecords: maxBatchRecords },
        // No run of bad luck may end an innocent record here.
        retry: { maxAttempts: 1000, minDelay: 1, maxDelay: 5 },
        breaker: { minOpen: 2, maxOpen: 10 },
      }),
    },
  })
}

async function redrive(films: Namespace<Payload>): Promise<void> {
  const { failed } = await films.deadLetters.redrive('all', {
    edit: ({ record }) => {
      if (record === undefined) throw new Error('a letter cannot be decoded')
      return { payload: { ...payloadOf(record), mended: true } }
    },
  })
  // A copy that an earlier life has sent may be on its way, or be done with by the turn of its letter.
  const isOfCopy = ({ code }: WalError) =>
    code === 'ERR_REDRIVE_UNDER_WAY' || code === 'ERR_DEAD_LETTER_NOT_FOUND'
  for (const { error } of failed) if (!isOfCopy(error)) throw error
}

async function listLetters(films: Namespace<Payload>): Promise<void> {
  const letters: Letter[] = []
  for (let after: string | undefined; ; ) {
    const page = await films.deadLetters.list({ after })
    for (const { record, target, code, attempts } of page.letters) {
      if (record === undefined) throw new Error('a letter cannot be decoded')
      const { id, version } = record
      const codes = attempts.map((attempt) => attempt.code)
      letters.push({ ...writeOf(record), id, version: `${version}`, target, code, attempts: codes })
    }
    after = page.next
    if (after === undefined) break
  }
  if (letters.length > 0) addLines(fileOf('letters'), letters)
}

say('opening')
const began = performance.now()
const wal = await openWal()
say('writing', performance.now() - began)
const films = wal.namespace('films')
await writeMany(films, task.records[0])
say('delivering')
await wal.start()
await writeMany(films, task.records[1])
addLines(fileOf('kept'), [(await films.status()).kept])
say('draining')
if (task.redrives) await redrive(films)
if (task.isLast || random.chance(0.5)) await wal.drain({ includeDelayed: task.isLast })
if (task.redrives && task.isLast) {
  await redrive(films)
  await wal.drain()
}
say('closing')
if (task.isLast) await listLetters(films)
await wal.close()
say('closed')
// So that the next lives begin faster.
flushCompileCache()
