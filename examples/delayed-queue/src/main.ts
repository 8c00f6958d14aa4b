/**
 * Delayed deletes. Films are deleted some time after their licences have ended, at a bounded rate; some
 * deletions are taken back or get another time, and the service is killed while they wait. Ends with
 * exit code 0 only if each came, in its time and not before, and nothing went that should be there.
 *
 *     node --conditions=source src/main.ts
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { readFilms } from '@daybook/example-films'
import { figure, isGood, Story, verdictText } from '@daybook/example-stage'
import { cleanupPlan } from './cleanup-wal.ts'
import { busiestSecond, checkStore, latenesses, type StoreReading } from './stage/check.ts'
import { libraryOf } from './stage/library.ts'
import { perform, type Seen } from './stage/perform.ts'
import { readStore } from './stage/read-back.ts'

const introduction = `
${styleText('bold', 'Daybook: deletes that wait for their time')}

  When a licence ends a film is to be deleted, but not at once, and a studio's
  films not all in the same second: the store has viewers to serve. Deletions are
  written down when they are known, and wait in a log on disk.
`

// Takes along whatever it has started.
process.exit(await main())

async function main(): Promise<number> {
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => process.exit(code))
  }
  const directory = mkdtempSync(join(tmpdir(), 'daybook-delayed-queue-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  console.log(introduction)
  try {
    const seen = await perform(directory, libraryOf(await readFilms()), new Story())
    return verdict(readStore(join(directory, 'streams.sqlite')), seen)
  } catch (error) {
    console.error(`\n  ${styleText('red', 'It broke off:')} ${(error as Error).message}\n`)
    return 1
  }
}

/** Says how it went. */
function verdict(store: StoreReading, { puts, deletions, missing }: Seen): number {
  const { perSecond, burst, batch, concurrency } = cleanupPlan
  // What was on its way when a second began may come within it, besides what the rate lets through.
  const mostPerSecond = perSecond + burst + batch * concurrency
  const came = store.arrivals.filter(({ op }) => op === 'delete')
  const mostDue = busiestSecond(came.map(({ due = 0 }) => due))
  const mostCame = busiestSecond(came.map(({ at }) => at))
  const late = latenesses(store)
  const lateAt = (part: number): string => figure(late[Math.floor((late.length - 1) * part)] ?? 0)
  console.log(`
  ${figure(deletions.length)} deletions scheduled, ${figure(deletions.filter(({ isCancelled }) => isCancelled).length)} taken back, ${figure(came.length)} came.
  Busiest second: ${figure(mostDue)} due, ${figure(mostCame)} came; no more than ${figure(mostPerSecond)} may.
  After their time: ${lateAt(0)} ms at least, ${lateAt(0.5)} ms for half of them, ${lateAt(1)} ms at most.
`)
  const { lost, forgotten, early, uncalledFor, leftBehind, tooMany } = checkStore(
    store,
    puts,
    deletions,
    mostPerSecond,
  )
  const result = {
    zeros: {
      'films lost': lost,
      'deletions forgotten': forgotten,
      early,
      'uncalled for': uncalledFor,
      'left behind': leftBehind,
      'seconds too busy': tooMany,
    },
    missing: [
      ...missing,
      ...(mostDue > mostPerSecond ? [] : ['more was due in a second than the store can bear']),
    ],
  }
  console.log(`${verdictText(result)}\n`)
  return isGood(result) ? 0 : 1
}
