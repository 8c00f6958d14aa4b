/**
 * The demo: real films, saved to two stores by the service in service.ts, while a store and the
 * service fail. Ends with exit code 0 only if nothing came to harm and everything was seen.
 *
 *     node --conditions=source src/main.ts [--queue file|kafka|sqs]
 */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFilms } from '@daybook/example-films'
import { isUp, removeWhatComes, service } from '@daybook/services'
import { breakThings } from './stage/break-things.ts'
import { changesOf } from './stage/changes.ts'
import { chosenQueue } from './stage/command-line.ts'
import { mend } from './stage/mend.ts'
import { narrate } from './stage/narrate.ts'
import { bad, faint, figure, strong } from './stage/print.ts'
import type { QueueOnStage } from './stage/queues.ts'
import { Stage } from './stage/stage.ts'
import { targetsTable } from './stage/tables.ts'
import { isGood, judge, verdictText } from './stage/verdict.ts'

/** Slow enough to watch. */
const pace = { perSecond: 500, atOnce: 24 }

const queue = chosenQueue(process.argv.slice(2))
if (typeof queue === 'string') {
  console.error(queue)
  process.exit(2)
}

// Takes away a server only if it was not there before.
const removeServer = removeWhatComes(
  queue.server === undefined ? [] : [queue.server],
  queue.request?.instance,
)
// Leaves by process.exit, so that the service's process does not stay behind.
const leave = (code: number) => void removeServer().finally(() => process.exit(code))
process.once('SIGINT', () => leave(130))
process.once('SIGTERM', () => leave(143))

const films = await readFilms()
const changes = changesOf(films)
console.log(`
${strong(`Daybook: ${figure(films.length)} films, two stores, one outage, one kill -9`)}

  A service saves films to a database and to a search index. If it wrote to
  both by itself, any failure in between would leave them different for good.
  So it writes each change once, to ${queue.called}, and calls it saved. From
  there it goes to both stores, for as long as it takes until it is there.
`)

try {
  const address = await serverFor(queue)
  const directory = await mkdtemp(join(tmpdir(), 'daybook-demo-'))
  const stage = new Stage(directory, changes, await queue.prepare(address, directory))
  // After the stage's own, which ends the service: nobody is to write there any more.
  process.once('exit', (code) => clearUp(directory, code))
  leave((await perform(stage)) ? 0 : 1)
} catch (error) {
  console.error(`\n${bad('The demo broke off:')}`, error)
  leave(1)
}

/** Takes the stores away, unless somebody will want to look into them. */
function clearUp(directory: string, code: number): void {
  if (code === 1) console.log(`  The log and both stores are kept in ${directory}\n`)
  else rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

/** Where the queue's server is, which is started unless it runs; nothing for the log on disk. */
async function serverFor({ server: name, request = {} }: QueueOnStage): Promise<string> {
  if (name === undefined) return ''
  const isThere = isUp(name, request.instance)
  if (!isThere) console.log(faint(`  ${name}: does not run yet, so it is started, for this time`))
  const report = (line: string): void => console.log(faint(`  ${name}: ${line}`))
  const { address } = await service(name, { ...request, report })
  console.log(faint(`  ${name}: ${isThere ? 'runs already' : 'is up'}, at ${address}\n`))
  return address
}

/** Runs it all, and answers whether it went as it should. */
async function perform(stage: Stage): Promise<boolean> {
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
