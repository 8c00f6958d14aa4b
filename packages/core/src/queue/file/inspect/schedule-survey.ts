import { isWalError } from '../../../errors.ts'
import type { ReadableFile } from '../file-system.ts'
import type { RunName } from '../schedule/run.ts'
import { runFileName } from '../schedule/run-files.ts'
import {
  blockBytes,
  blocksOf,
  decodeIndex,
  decodeRunHeader,
  indexBytes,
  rowsOfBlocks,
  runHeaderBytes,
} from '../schedule/run-format.ts'
import type { SurveyedCursor } from './cursor-survey.ts'
import type { Findings } from './finding.ts'
import type { WatchedFiles } from './watched-files.ts'

/** A target's delayed records that lie sorted in files of their own, besides in the log. */
export interface ScheduleReport {
  /** How many such files there are. */
  readonly runs: number
  /** Records in them, some of which may be done with. */
  readonly records: number
  readonly bytes: number
}

const folder = 'schedules'

/** Blocks that are read at once. */
const blocksAtOnce = 32

/**
 * Reads the runs that the cursors name. A run is only an index: where one is damaged the log is read
 * again. Rejects with `ERR_FUTURE_FORMAT`.
 */
export async function surveySchedules(
  files: WatchedFiles,
  findings: Findings,
  cursors: readonly SurveyedCursor[],
): Promise<ReadonlyMap<string, ScheduleReport>> {
  const names = new Set(await files.list(folder))
  const reports = new Map<string, ScheduleReport>()
  for (const { file, name, state } of cursors) {
    let [runs, records, bytes] = [0, 0, 0]
    for (const [number, { salt }] of state.runs) {
      const path = `${folder}/${runFileName(name, { number, salt })}`
      const isThere = names.delete(path.slice(folder.length + 1))
      const run = isThere
        ? await files.use(path, (open) => readRun(open, path, { number, salt }))
        : { records: 0, bytes: 0, damage: 'it is missing' }
      runs += 1
      records += run.records
      bytes += run.bytes
      if (run.damage !== undefined) findings.problem({ file: path, what: damaged(run.damage) })
    }
    reports.set(file, { runs, records, bytes })
  }
  for (const name of names) {
    findings.note({ file: `${folder}/${name}`, what: 'a file that is not needed' })
  }
  return reports
}

function damaged(what: string): string {
  return `a part of a schedule is damaged (${what}), so that the log is read again for what waits`
}

interface ReadRun {
  readonly records: number
  readonly bytes: number
  readonly damage: string | undefined
}

async function readRun(file: ReadableFile, path: string, name: RunName): Promise<ReadRun> {
  const bytes = await file.size()
  try {
    const header = decodeRunHeader(await readPart(file, 0, runHeaderBytes), path)
    const { rowsByTime, rowsById } = header
    const isNamed = header.number === name.number && header.salt === name.salt
    const damage = isNamed ? await damageIn(file, name.salt, [rowsByTime, rowsById]) : 'another one'
    return { records: rowsByTime, bytes, damage }
  } catch (error) {
    if (!isWalError(error) || error.code !== 'ERR_CORRUPT_LOG') throw error
    return { records: 0, bytes, damage: 'its header' }
  }
}

/** Reads every block and the index behind them. */
async function damageIn(
  file: ReadableFile,
  salt: number,
  rows: readonly number[],
): Promise<string | undefined> {
  const blocks = rows.reduce((sum, each) => sum + blocksOf(each), 0)
  const indexAt = runHeaderBytes + blocks * blockBytes
  if ((await file.size()) < indexAt + indexBytes(blocks)) return 'it is cut off'
  for (let block = 0; block < blocks; block += blocksAtOnce) {
    const wanted = Math.min(blocksAtOnce, blocks - block) * blockBytes
    const part = await readPart(file, runHeaderBytes + block * blockBytes, wanted)
    if (!rowsOfBlocks(part, 0, { salt, block })) return 'its rows'
  }
  const index = await readPart(file, indexAt, indexBytes(blocks))
  return decodeIndex(index, salt) ? undefined : 'its index'
}

async function readPart(file: ReadableFile, offset: number, bytes: number): Promise<Buffer> {
  const part = Buffer.alloc(bytes)
  return part.subarray(0, await file.read(part, offset))
}
