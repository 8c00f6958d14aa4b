/**
 * The demo: real films, saved to two stores by the service in service.ts, while a store and the
 * service fail. Ends with exit code 0 only if nothing came to harm and everything was seen.
 */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFilms } from './film.ts'
import { breakThings } from './stage/break-things.ts'
import { changesOf } from './stage/changes.ts'
import { mend } from './stage/mend.ts'
import { narrate } from './stage/narrate.ts'
import { bad, faint, figure, strong } from './stage/print.ts'
import { Stage } from './stage/stage.ts'
import { targetsTable } from './stage/tables.ts'
import { isGood, judge, verdictText } from './stage/verdict.ts'

/** Slow enough to watch. */
const pace = { perSecond: 500, atOnce: 24 }

// Leaves by process.exit, so that the service's process does not stay behind.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

const films = await readFilms()
const changes = changesOf(films)
console.log(`
${strong(`Daybook: ${figure(films.length)} films, two stores, one outage, one kill -9`)}

  A service saves films to a database and to a search index. If it wrote to
  both by itself, any failure in between would leave them different for good.
  So it writes each change once, to a log on disk, and calls it saved. The log
  takes it to both stores, and keeps at it until it is there.
`)

const directory = await mkdtemp(join(tmpdir(), 'daybook-demo-'))
const stage = new Stage(directory, changes)
process.once('exit', (code) => {
  if (code === 1) console.log(`  The log and both stores are kept in ${directory}\n`)
  else rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
})
try {
  process.exit((await perform()) ? 0 : 1)
} catch (error) {
  console.error(`\n${bad('The demo broke off:')}`, error)
  process.exit(1)
}

/** Runs it all, and answers whether it went as it should. */
async function perform(): Promise<boolean> {
  await stage.service.start()
  const misfortunes = await narrate(stage, async (say) => {
    const sending = stage.client.sendAll(changes, pace)
    const [seen] = await Promise.all([breakThings(stage, say), sending])
    return seen
  })
  const mending = await mend(stage)
  const exitCode = await stage.service.stop()

  const verdict = judge(stage, misfortunes, mending, exitCode)
  console.log('\nWhat became of the changes at each store:\n')
  console.log(targetsTable(stage.client.acknowledged.length, stage.tallies))
  console.log('\nBoth stores, read back and compared with what the service had called saved:\n')
  console.log(`${verdictText(verdict)}\n`)
  if (!isGood(verdict)) return false
  console.log(faint('  The service that stood all this: examples/quickstart/src/service.ts\n'))
  return true
}
