import { resolve } from 'node:path'
import { cac } from 'cac'
import { benchAppend, printAppend } from './append.ts'
import { benchAppendMatrix, printAppendMatrix } from './append-matrix.ts'
import { benchDelay, printDelay } from './delay/delay.ts'
import { benchDeliver, printDeliver } from './deliver.ts'
import { benchGrowth, printGrowth } from './growth/growth.ts'
import { numberOption, numbersOption, type Options, pathOption } from './harness/options.ts'
import { benchLag, printLag } from './lag/lag.ts'
import { benchNamespaces, printNamespaces } from './namespaces/namespaces.ts'
import { benchOpen, printOpen } from './open/open.ts'
import { benchRegions, printRegions } from './regions/regions.ts'
import { benchTransaction, printTransaction } from './transaction/transaction.ts'

/** In the repository, which is on a disk almost everywhere; the system's temporary directory often is not. */
const besideTheCode = resolve(import.meta.dirname, '../../.daybook')

// What brings a vendor's client along is loaded only where it is asked for: that takes longest.
const cli = cac('npm run bench --')
cli.option('--json', 'Print one JSON object instead of tables')
cli.option('--directory <path>', 'Where to put the temporary files: a directory on a disk', {
  default: besideTheCode,
})

const directory = (options: Options) => pathOption(options, 'directory')
const mebibytes = (options: Options) =>
  numberOption(options, 'mib', { min: 1, max: 1024 * 1024 }) * 1024 * 1024
const payloadBounds = { min: 1, max: 16_000_000 }
/** A row of a catalogue in JSON does not fit into less. */
const jsonPayloadBounds = { ...payloadBounds, min: 256 }
const writerBounds = { min: 1, max: 100_000 }
const roundBounds = { min: 1, max: 1000 }
const secondBounds = { min: 0.05, max: 3600, whole: false }

cli
  .command('append', 'Durable appends, against the bare disk, better-sqlite3 and lmdb')
  .option('--payload <bytes>', 'Bytes of each payload', { default: 1024 })
  .option('--writers <count>', 'Writers in flight, each awaiting its receipt', { default: 256 })
  .option('--seconds <seconds>', 'Measured time of each round', { default: 1.5 })
  .option('--rounds <count>', 'Rounds of each contestant', { default: 5 })
  .action(async (options: Options) => {
    const report = await benchAppend({
      directory: directory(options),
      payloadBytes: numberOption(options, 'payload', jsonPayloadBounds),
      writers: numberOption(options, 'writers', writerBounds),
      seconds: numberOption(options, 'seconds', secondBounds),
      rounds: numberOption(options, 'rounds', roundBounds),
    })
    print(options, report, printAppend)
  })

cli
  .command('append-matrix', 'Durable appends of several sizes, writers and ways to write')
  .option('--payload <list>', 'Bytes of each payload', { default: '128,1024,65536' })
  .option('--writers <list>', 'Writers in flight', { default: '1,16,256,4096' })
  .option('--seconds <seconds>', 'Measured time of each round', { default: 0.5 })
  .option('--rounds <count>', 'Rounds of each contestant', { default: 3 })
  .action(async (options: Options) => {
    const report = await benchAppendMatrix({
      directory: directory(options),
      payloadBytes: numbersOption(options, 'payload', payloadBounds),
      writers: numbersOption(options, 'writers', writerBounds),
      seconds: numberOption(options, 'seconds', secondBounds),
      rounds: numberOption(options, 'rounds', roundBounds),
    })
    print(options, report, printAppendMatrix)
  })

cli
  .command('deliver', 'Written to applied: a backlog drained into a target that does nothing')
  .option('--payload <list>', 'Bytes of each payload', { default: '128,1024,65536' })
  .option('--writers <count>', 'Writers of the backlog', { default: 256 })
  .option('--rounds <count>', 'Rounds of each order', { default: 3 })
  .option('--mib <count>', 'Size of the backlog', { default: 512 })
  .option('--records <count>', 'Records of the backlog, at most', { default: 1_000_000 })
  .option('--keys <count>', 'Distinct keys', { default: 10_000 })
  .action(async (options: Options) => {
    const report = await benchDeliver({
      directory: directory(options),
      payloadBytes: numbersOption(options, 'payload', payloadBounds),
      writers: numberOption(options, 'writers', writerBounds),
      rounds: numberOption(options, 'rounds', roundBounds),
      backlogBytes: mebibytes(options),
      maxRecords: numberOption(options, 'records', { min: 1, max: 1_000_000_000 }),
      keys: numberOption(options, 'keys', { min: 1, max: 100_000_000 }),
    })
    print(options, report, printDeliver)
  })

cli
  .command('lag', 'Writers beside a target that is far behind and reads from the disk')
  .option('--payload <bytes>', 'Bytes of each payload', { default: 1024 })
  .option('--writers <count>', 'Writers in flight', { default: 256 })
  .option('--seconds <seconds>', 'Measured time of each round', { default: 1.5 })
  .option('--rounds <count>', 'Rounds with, and as many without, the slow target', { default: 5 })
  .option('--mib <count>', 'How far the slow target is behind', { default: 512 })
  .option('--slow <count>', 'Records that the slow target takes in a second', { default: 10_000 })
  .action(async (options: Options) => {
    const report = await benchLag({
      directory: directory(options),
      payloadBytes: numberOption(options, 'payload', payloadBounds),
      writers: numberOption(options, 'writers', writerBounds),
      seconds: numberOption(options, 'seconds', secondBounds),
      rounds: numberOption(options, 'rounds', roundBounds),
      backlogBytes: mebibytes(options),
      slowPerSecond: numberOption(options, 'slow', { min: 1, max: 10_000_000 }),
    })
    print(options, report, printLag)
  })

cli
  .command('delay', 'Delayed records by the million: memory, opening, lateness')
  .option('--payload <bytes>', 'Bytes of each payload', { default: 100 })
  .option('--records <count>', 'Records pending all the while', { default: 10_000_000 })
  .option('--due <count>', 'Records that fall due in a second', { default: 5000 })
  .option('--seconds <seconds>', 'For how long they do', { default: 20 })
  .option('--writes <count>', 'Records without a delay written in a second', { default: 5000 })
  .option('--lead <seconds>', 'Time to open the log before the first is due', { default: 20 })
  .action(async (options: Options) => {
    const report = await benchDelay({
      directory: directory(options),
      payloadBytes: numberOption(options, 'payload', payloadBounds),
      records: numberOption(options, 'records', { min: 1, max: 1_000_000_000 }),
      duePerSecond: numberOption(options, 'due', { min: 1, max: 1_000_000 }),
      seconds: numberOption(options, 'seconds', secondBounds),
      writtenPerSecond: numberOption(options, 'writes', { min: 0, max: 1_000_000 }),
      leadMs: numberOption(options, 'lead', secondBounds) * 1000,
    })
    print(options, report, printDelay)
  })

cli
  .command('open', 'Opening a large log, and reading it back')
  .option('--payload <bytes>', 'Bytes of each payload', { default: 1024 })
  .option('--rounds <count>', 'Rounds from the disk, and from memory', { default: 3 })
  .option('--mib <count>', 'Size of the log', { default: 1024 })
  .action(async (options: Options) => {
    const report = await benchOpen({
      directory: directory(options),
      payloadBytes: numberOption(options, 'payload', payloadBounds),
      rounds: numberOption(options, 'rounds', roundBounds),
      logBytes: mebibytes(options),
    })
    print(options, report, printOpen)
  })

cli
  .command('growth', 'What a record costs in logs from short to very long')
  .option('--payload <bytes>', 'Bytes of each payload', { default: 100 })
  .option('--records <list>', 'Records in each log', { default: '10000,100000,1000000,10000000' })
  .option('--writers <count>', 'Writers in flight', { default: 256 })
  .option('--rounds <count>', 'Rounds of the longest log; shorter ones get more', { default: 1 })
  .option('--keys <count>', 'Distinct keys', { default: 10_000 })
  .option('--picture <path>', 'Draw the result into this file, as SVG')
  .action(async (options: Options) => {
    const report = await benchGrowth({
      directory: directory(options),
      payloadBytes: numberOption(options, 'payload', payloadBounds),
      records: numbersOption(options, 'records', { min: 1, max: 1_000_000_000 }),
      writers: numberOption(options, 'writers', writerBounds),
      rounds: numberOption(options, 'rounds', roundBounds),
      keys: numberOption(options, 'keys', { min: 1, max: 100_000_000 }),
      picture: options['picture'] === undefined ? undefined : pathOption(options, 'picture'),
    })
    print(options, report, printGrowth)
  })

cli
  .command('namespaces', 'What many namespaces in one process cost, idle and busy')
  .option('--namespaces <count>', 'How many', { default: 1000 })
  .option('--payload <bytes>', 'Bytes of each payload', { default: 1024 })
  .option('--seconds <seconds>', 'Watched while idle, and written while busy', { default: 10 })
  .action(async (options: Options) => {
    const report = await benchNamespaces({
      directory: directory(options),
      namespaces: numberOption(options, 'namespaces', { min: 1, max: 10_000 }),
      payloadBytes: numberOption(options, 'payload', payloadBounds),
      seconds: numberOption(options, 'seconds', secondBounds),
    })
    print(options, report, printNamespaces)
  })

cli
  .command(
    'targets [...stores]',
    'Applying to real stores, against a loop by hand; all without names',
  )
  .option('--payload <bytes>', 'Bytes of each payload', { default: 1024 })
  .option('--records <count>', 'Records in each round', { default: 20_000 })
  .option('--batch <count>', 'Records in each call', { default: 500 })
  .option('--concurrency <count>', 'Calls under way at once', { default: 4 })
  .option('--rounds <count>', 'Rounds of each side', { default: 5 })
  .action(async (stores: string[], options: Options) => {
    const { benchTargets, printTargets } = await import('./targets/targets.ts')
    const report = await benchTargets({
      directory: directory(options),
      stores,
      payloadBytes: numberOption(options, 'payload', jsonPayloadBounds),
      records: numberOption(options, 'records', { min: 1, max: 1_000_000 }),
      batchRecords: numberOption(options, 'batch', { min: 1, max: 10_000 }),
      concurrency: numberOption(options, 'concurrency', { min: 1, max: 64 }),
      rounds: numberOption(options, 'rounds', roundBounds),
    })
    print(options, report, printTargets)
  })

cli
  .command('kafka', 'Writing and consuming on Kafka, through both clients, against these bare')
  .option('--payload <bytes>', 'Bytes of each payload', { default: 1024 })
  .option('--writers <count>', 'Writers in flight', { default: 256 })
  .option('--records <count>', 'Written in each round', { default: 30_000 })
  .option('--backlog <count>', 'Consumed in each round', { default: 100_000 })
  .option('--rounds <count>', 'Rounds of each contestant', { default: 5 })
  .action(async (options: Options) => {
    const { benchKafka, printKafka } = await import('./kafka/kafka.ts')
    const report = await benchKafka({
      directory: directory(options),
      payloadBytes: numberOption(options, 'payload', { min: 1, max: 800_000 }),
      writers: numberOption(options, 'writers', writerBounds),
      records: numberOption(options, 'records', { min: 100, max: 100_000_000 }),
      backlogRecords: numberOption(options, 'backlog', { min: 100, max: 100_000_000 }),
      rounds: numberOption(options, 'rounds', roundBounds),
    })
    print(options, report, printKafka)
  })

cli
  .command('sqs', 'Writing and consuming on SQS, standard and FIFO, against the bare SDK')
  .option('--payload <bytes>', 'Bytes of each payload', { default: 1024 })
  .option('--writers <count>', 'Writers in flight', { default: 256 })
  .option('--records <count>', 'Written, and consumed, in each round', { default: 20_000 })
  .option('--fifo <count>', 'Consumed from FIFO in each round', { default: 2_000 })
  .option('--rounds <count>', 'Rounds of each contestant', { default: 5 })
  .action(async (options: Options) => {
    const { benchSqs, printSqs } = await import('./sqs/sqs.ts')
    const report = await benchSqs({
      directory: directory(options),
      payloadBytes: numberOption(options, 'payload', { min: 1, max: 100_000 }),
      writers: numberOption(options, 'writers', writerBounds),
      records: numberOption(options, 'records', { min: 100, max: 10_000_000 }),
      recordsFromFifo: numberOption(options, 'fifo', { min: 100, max: 10_000_000 }),
      rounds: numberOption(options, 'rounds', roundBounds),
    })
    print(options, report, printSqs)
  })

cli
  .command('regions', 'How far regions are behind one another, against the bare hop')
  .option('--payload <bytes>', 'Bytes of each payload', { default: 256 })
  .option('--writes <count>', 'Written in a second, in all regions together', { default: 5000 })
  .option('--regions <count>', 'Regions, each a process: 2 to 8', { default: 2 })
  .option('--keys <count>', 'Keys, written in turn by each region', { default: 10_000 })
  .option('--seconds <seconds>', 'Measured time of each round', { default: 5 })
  .option('--rounds <count>', 'Rounds of each side', { default: 5 })
  .action(async (options: Options) => {
    const report = await benchRegions({
      directory: directory(options),
      payloadBytes: numberOption(options, 'payload', { min: 8, max: 1_000_000 }),
      writesPerSecond: numberOption(options, 'writes', { min: 1, max: 1_000_000 }),
      regions: numberOption(options, 'regions', { min: 2, max: 8 }),
      keys: numberOption(options, 'keys', { min: 1, max: 10_000_000 }),
      seconds: numberOption(options, 'seconds', secondBounds),
      rounds: numberOption(options, 'rounds', roundBounds),
    })
    print(options, report, printRegions)
  })

cli
  .command('transaction', 'Mutations in transactions, against as many plain writes')
  .option('--payload <bytes>', 'Bytes of each payload', { default: 256 })
  .option('--mutations <count>', 'Mutations of each side in each round', { default: 50_000 })
  .option('--size <count>', 'Mutations of one transaction', { default: 100 })
  .option('--concurrency <count>', 'Transactions under way at once', { default: 16 })
  .option('--rounds <count>', 'Rounds of each side', { default: 5 })
  .action(async (options: Options) => {
    const report = await benchTransaction({
      directory: directory(options),
      payloadBytes: numberOption(options, 'payload', payloadBounds),
      mutations: numberOption(options, 'mutations', { min: 1, max: 10_000_000 }),
      size: numberOption(options, 'size', { min: 1, max: 10_000 }),
      concurrency: numberOption(options, 'concurrency', { min: 1, max: 1024 }),
      rounds: numberOption(options, 'rounds', roundBounds),
    })
    print(options, report, printTransaction)
  })

cli.help()

function print<R>(
  options: Options,
  report: R,
  asText: (report: R, terminal: boolean) => string,
): void {
  const text =
    options['json'] === true
      ? JSON.stringify(report, null, 2)
      : asText(report, process.stdout.isTTY)
  process.stdout.write(`${text}\n`)
}

try {
  cli.parse(process.argv, { run: false })
  if (cli.matchedCommand) await cli.runMatchedCommand()
  else if (cli.options['help'] !== true) {
    cli.outputHelp()
    process.exitCode = 1
  }
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
