import { isDeepStrictEqual } from 'node:util'
import type { DeadLetterQueue } from '../../../../../src/dlq/dlq.ts'
import { isWalError } from '../../../../../src/errors.ts'
import type { Finding } from '../../../../../src/queue/file/inspect/finding.ts'
import type {
  CopiedParts,
  SalvageReport,
} from '../../../../../src/queue/file/inspect/salvage-report.ts'
import { verifyFileQueue } from '../../../../../src/queue/file/inspect/verify-file-queue.ts'
import type { VerifyReport } from '../../../../../src/queue/file/inspect/verify-report.ts'
import type { LogEntry } from '../../../../../src/queue/file/log.ts'
import type { SimulatedFileSystem } from '../../../../../src/testing/simulated-file-system.ts'
import { readLog } from '../../support/read-log.ts'
import { into, readCursor, salvage } from './salvaged.ts'
import {
  filesOn,
  from,
  newDisk,
  openQueue,
  type QueueFiles,
  type SampleQueue,
  targets,
} from './sample-queue.ts'
import { isUntouched, type Place, placesOfEntries, placesOfRecords } from './truth.ts'

/** What a queue was before anything happened to its files. */
export interface Truth {
  readonly sample: SampleQueue
  readonly records: readonly Place[]
  readonly letters: readonly Place[]
  /** Per target, what is done with. */
  readonly done: ReadonlyMap<string, ReadonlySet<number>>
}

const lettersFile = 'dead-letters/letters.journal'

export async function truthOf(sample: SampleQueue): Promise<Truth> {
  const disk = newDisk(sample.files)
  const done = new Map<string, ReadonlySet<number>>()
  for (const target of targets) {
    const cursor = await readCursor(disk, `${from}/cursors/${target}.cursor`)
    const sequences = sample.records.map((_, index) => index + 1)
    done.set(target, new Set(sequences.filter((sequence) => cursor.done.has(sequence))))
  }
  return {
    sample,
    records: await placesOfRecords(sample.files),
    letters: placesOfEntries(sample.files, lettersFile),
    done,
  }
}

/** Verifies and salvages what became of a queue. Answers all that is wrong with what comes of it. */
export async function checkSalvage(truth: Truth, damaged: QueueFiles): Promise<readonly string[]> {
  const disk = newDisk(damaged)
  try {
    const verified = await verifyFileQueue({ directory: from, fileSystem: disk, isOwned })
    const report = await salvage(disk)
    const entries = await readLog(into, disk)
    const wrong = [
      ...wrongRecords(truth, damaged, report, entries),
      ...(await wrongCursors(truth, damaged, report, disk)),
      ...(await wrongLetters(truth, damaged, disk)),
      ...(await falseVerdict(verified, damaged)),
    ]
    if (!isDeepStrictEqual(filesOn(disk), damaged))
      wrong.push('what was only to be read has changed')
    if (!isDeepStrictEqual(report.found, verified)) wrong.push('verify and salvage do not agree')
    return wrong
  } catch (error) {
    return [`${(error as Error).stack}`]
  }
}

const isOwned = async (): Promise<boolean> => false

function wrongRecords(
  truth: Truth,
  damaged: QueueFiles,
  report: SalvageReport,
  entries: readonly LogEntry[],
): readonly string[] {
  const { sample, records } = truth
  const { copied, found } = report
  const wrong: string[] = []
  const originals = new Map(copiesOf(copied).map(([sequence, became]) => [became, sequence]))
  for (const { sequence, record } of entries) {
    const original = originals.get(sequence) ?? 0
    const isSame = isDeepStrictEqual(record, sample.records[original - 1])
    if (!isSame) wrong.push(`${sequence} is not ${original}`)
  }
  if (entries.length !== copied.records) {
    wrong.push(`${copied.records} copied, ${entries.length} there`)
  }
  const has = new Set(originals.values())
  // Behind all that anything knows of, nobody can tell that there has been more.
  const known = Math.max(0, ...has, ...found.cursors.map(({ highest }) => highest))
  for (const [index, place] of records.entries()) {
    const sequence = index + 1
    const isWhole = isUntouched(place, sample.files, damaged)
    if (isWhole && !has.has(sequence)) wrong.push(`record ${sequence} is whole and was not copied`)
    const fate = fateOf(sequence, report)
    const isThere = has.has(sequence)
    if (isThere && fate !== 'copied') wrong.push(`record ${sequence} is copied and listed as lost`)
    if (isThere || sequence > known) continue
    if (fate === 'copied') wrong.push(`record ${sequence} is lost and not listed`)
    if (found.ok && fate !== 'torn') wrong.push(`ok without record ${sequence}`)
  }
  return wrong
}

/** What the report says became of a record. */
function fateOf(sequence: number, { lost, found }: SalvageReport): 'lost' | 'torn' | 'copied' {
  const has = ({ records }: Finding): boolean =>
    records !== undefined &&
    (records.from ?? 1) <= sequence &&
    sequence <= (records.to ?? Number.POSITIVE_INFINITY)
  if (lost.some(has)) return 'lost'
  return found.notes.some(has) ? 'torn' : 'copied'
}

async function wrongCursors(
  { sample, done }: Truth,
  damaged: QueueFiles,
  { copied, found }: SalvageReport,
  disk: SimulatedFileSystem,
): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const target of targets) {
    const path = `cursors/${target}.cursor`
    const [was, is] = [sample.files.get(path), damaged.get(path)]
    const isNoted = [...found.problems, ...found.notes].some(({ file }) => file === path)
    // A journal may end behind any of its entries: that one was cut off there does not show.
    const mustBeWhole = was?.length === is?.length && !isNoted
    const isCopied = copied.cursors.includes(path)
    const cursor = isCopied ? await readCursor(disk, `${into}/${path}`) : undefined
    for (const [sequence, became] of copiesOf(copied)) {
      const isDone = cursor?.done.has(became) === true
      const wasDone = done.get(target)?.has(sequence) === true
      if (isDone && !wasDone) wrong.push(`${target} is done with ${sequence}, unread`)
      if (!isDone && wasDone && mustBeWhole) wrong.push(`${target} has lost the ack of ${sequence}`)
    }
  }
  return wrong
}

/** Each copied record's sequences, there and here. */
function copiesOf({ sequences }: CopiedParts): readonly (readonly [number, number])[] {
  return sequences.flatMap(({ from: first, to, became }) =>
    Array.from({ length: to - first + 1 }, (_, at) => [first + at, became + at] as const),
  )
}

async function wrongLetters(
  { sample, letters }: Truth,
  damaged: QueueFiles,
  disk: SimulatedFileSystem,
): Promise<readonly string[]> {
  const queue = await openQueue(disk, into)
  const there = new Set<string>()
  for await (const { id } of ((await queue.deadLetters()) as DeadLetterQueue).summaries())
    there.add(id)
  await queue.close()
  const salt = { file: lettersFile, start: 16, end: 20 }
  const isWhole = [...letters, salt].every((place) => isUntouched(place, sample.files, damaged))
  if (isWhole && !isDeepStrictEqual([...there], sample.letters)) return [`letters: ${[...there]}`]
  const puts = letters.slice(0, 2)
  const areReadable = [...puts, salt].every((place) => isUntouched(place, sample.files, damaged))
  if (!areReadable) return []
  return sample.letters.filter((id) => !there.has(id)).map((id) => `letter ${id} is lost`)
}

/** Opening refuses nothing that was found to be sound. */
async function falseVerdict(
  verified: VerifyReport,
  damaged: QueueFiles,
): Promise<readonly string[]> {
  try {
    const queue = await openQueue(newDisk(damaged))
    await queue.close()
    return []
  } catch (error) {
    if (!isWalError(error)) throw error
    return verified.ok ? [`ok, and yet: ${error.message}`] : []
  }
}
