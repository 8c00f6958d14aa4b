import { statSync } from 'node:fs'
import { lockFile } from './outage.ts'
import { figure } from './print.ts'
import { appliedIn } from './read-back.ts'
import { type Stage, until } from './stage.ts'

/** Tells the audience what happens, and what that means. */
export type Say = (kind: 'bad' | 'good', text: string, ...details: readonly string[]) => void

/** What was seen of the misfortunes, for the verdict. */
export interface Misfortunes {
  /** The signal of which the service died. */
  readonly diedOf: NodeJS.Signals | null
  /** What had happened by then. */
  readonly acknowledgedBefore: number
  readonly appliedBefore: { readonly database: number; readonly search: number }
}

/**
 * While the service takes changes: locks the search index, kills the process in the middle, starts
 * it again with the index still locked, and unlocks it. Each step waits for what it needs to see.
 */
export async function breakThings(stage: Stage, say: Say): Promise<Misfortunes> {
  const { service, client, tallies, files } = stage

  await until('a fifth is saved', () => stage.acknowledgedPart >= 0.2)
  const outage = lockFile(files.search)
  await until('delivery to the index pauses', () => tallies.search.isPaused)
  say(
    'bad',
    'The search index is down: another program has locked its file.',
    'Its changes wait in the log; saving and the database go on.',
  )

  await until(
    'half is saved, and partly delivered',
    () => stage.acknowledgedPart >= 0.5 && tallies.database.settled >= stage.changes.length * 0.3,
  )
  const misfortunes = await killInTheMiddle(stage)
  const { acknowledgedBefore, appliedBefore } = misfortunes
  say(
    'bad',
    'kill -9: the service dies in the middle of its work.',
    `${figure(acknowledgedBefore)} changes had been called saved, and are in the log.`,
    `The database has ${figure(appliedBefore.database)} of them, the search index ${figure(appliedBefore.search)}.`,
  )

  await service.start()
  say('good', 'The service is started again.', 'It opens its log and goes on where that ends.')
  await until('the new process finds the index down', () => tallies.search.isPaused)
  await until('three quarters are saved', () => stage.acknowledgedPart >= 0.75)
  outage.end()
  await until('delivery to the index resumes', () => !tallies.search.isPaused)
  say('good', 'The search index is back.', 'It is given what it missed, in order.')
  await until('everything is saved', () => stage.acknowledgedPart === 1)
  await client.drain()
  say('good', 'Every change is saved, and the log has nothing left to deliver.')
  return misfortunes
}

/** Kills the service while a batch is being applied, and takes stock. */
async function killInTheMiddle({ service, client, tallies, files }: Stage): Promise<Misfortunes> {
  waitForCommit(files.database)
  const diedOf = await service.kill()
  const database = appliedIn(files.database)
  const search = appliedIn(files.search)
  tallies.database.foundApplied(database)
  tallies.search.foundApplied(search)
  return {
    diedOf,
    acknowledgedBefore: client.acknowledged.length,
    appliedBefore: { database: database.size, search: search.size },
  }
}

/**
 * Returns while the database is committing a batch: its write-ahead file has just been written to.
 * Killed now, the service cannot note in its log what it has applied, and will apply it once more;
 * that is what the version guard is for. Holds up this process, as nothing else is quick enough.
 */
function waitForCommit(file: string): void {
  const lastWrite = (): bigint => statSync(`${file}-wal`, { bigint: true }).mtimeNs
  const before = lastWrite()
  const deadline = performance.now() + 300
  while (lastWrite() === before && performance.now() < deadline);
}
