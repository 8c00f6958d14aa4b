/**
 * The same application on one queue after the other: only the configuration changes. Each time
 * processes are killed and come, and at the end the table is compared with what was acknowledged.
 * Ends with exit code 0 only if nothing was lost, came out of order, did harm or differs.
 *
 *     node --conditions=source src/main.ts [file] [kafkajs] [platformatic] [sqs] [sqs-fifo]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { Story } from '@daybook/example-stage'
import { isUp, removeWhatComes, service } from '@daybook/services'
import { type Performance, perform } from './stage/perform.ts'
import { resultsTable, violations } from './stage/print.ts'
import { type QueueOnStage, queues } from './stage/queues.ts'

const scans = { parcels: 12, everyMs: 150 }

const introduction = `
${styleText('bold', 'Daybook: one application, and the queue swapped under it')}

  Depots scan parcels; a table says where each was seen last. In between lies a
  queue: a log on disk, Kafka or SQS, by configuration alone. On each, one of the
  processes that deliver is killed, and another one comes.`

process.exitCode = await main(process.argv.slice(2))

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !Object.hasOwn(queues, name))
  if (unknown.length > 0) {
    console.error(`There is no queue named ${unknown.join(', ')}.`)
    console.error(
      `Name some of ${Object.keys(queues).join(', ')}; without a name it is all of them.`,
    )
    return 2
  }
  const chosen = Object.entries(queues).filter(([name]) => {
    return names.length === 0 || names.includes(name)
  })
  const remove = removeWhatComes(chosen.flatMap(([, { server }]) => server ?? []))
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => void remove().finally(() => process.exit(code)))
  }
  const directory = mkdtempSync(join(tmpdir(), 'daybook-swap-'))
  // After the processes are ended, which their own listener does; also after Ctrl-C.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  console.log(introduction)
  try {
    const performances: Performance[] = []
    for (const [name, queue] of chosen) {
      performances.push(await show(queue, join(directory, name)))
    }
    return verdict(performances)
  } catch (error) {
    console.error(`\n  ${styleText('red', 'It broke off:')} ${(error as Error).message}\n`)
    return 1
  } finally {
    await remove()
  }
}

async function show(queue: QueueOnStage, directory: string): Promise<Performance> {
  console.log(`\n${styleText('bold', queue.title)}\n`)
  const { server } = queue
  const report = (line: string): void => console.log(`            ${styleText('dim', line)}`)
  if (server !== undefined && !isUp(server)) report(`${server} is started, for this time`)
  const address = server === undefined ? '' : (await service(server, { report })).address
  return perform(queue, address, directory, scans, new Story())
}

function verdict(performances: readonly Performance[]): number {
  console.log(`\n${resultsTable(performances)}\n`)
  const wrong = performances.flatMap((one) =>
    violations(one).map((violation) => `${one.title}: ${violation}`),
  )
  for (const line of wrong.slice(0, 20)) console.log(`  ${styleText('red', line)}`)
  if (wrong.length > 0) return 1
  console.log(`  ${styleText('dim', 'The application: examples/swap-the-queue/src/worker.ts')}\n`)
  return 0
}
