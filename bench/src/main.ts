import { resolve } from 'node:path'
import { cac } from 'cac'
import { benchAppend, printAppend } from './append.ts'
import { benchDeliver, printDeliver } from './deliver.ts'
import { directoryOption, numberOption } from './harness/options.ts'

/** In the repository, which is on a disk almost everywhere; the system's temporary directory often is not. */
const besideTheCode = resolve(import.meta.dirname, '../../.daybook')

const cli = cac('pnpm bench')
cli.option('--json', 'Print one JSON object instead of tables')
cli.option('--directory <path>', 'Where to put the temporary files: a directory on a disk', {
  default: besideTheCode,
})
cli.option('--payload <bytes>', 'Bytes of each payload', { default: 1024 })
cli.option('--writers <count>', 'Writers in flight, each awaiting its receipt', { default: 256 })

type Options = Readonly<Record<string, unknown>>

const shared = (options: Options) => ({
  directory: directoryOption(options, 'directory'),
  payloadBytes: numberOption(options, 'payload', { min: 256, max: 16 * 1024 * 1024 }),
  writers: numberOption(options, 'writers', { min: 1, max: 100_000 }),
})

cli
  .command('append', 'Durable appends, against the bare disk, better-sqlite3 and lmdb')
  .option('--seconds <seconds>', 'Measured time of each round', { default: 1.5 })
  .option('--rounds <count>', 'Rounds of each contestant', { default: 5 })
  .action(async (options: Options) => {
    const report = await benchAppend({
      ...shared(options),
      seconds: numberOption(options, 'seconds', { min: 0.05, max: 3600, whole: false }),
      rounds: numberOption(options, 'rounds', { min: 1, max: 1000 }),
    })
    print(options, report, printAppend)
  })

cli
  .command('deliver', 'Written to applied: a backlog drained into a target that does nothing')
  .option('--rounds <count>', 'Rounds of each order', { default: 3 })
  .option('--mib <count>', 'Size of the backlog', { default: 512 })
  .option('--keys <count>', 'Distinct keys', { default: 10_000 })
  .action(async (options: Options) => {
    const report = await benchDeliver({
      ...shared(options),
      rounds: numberOption(options, 'rounds', { min: 1, max: 1000 }),
      backlogBytes: numberOption(options, 'mib', { min: 1, max: 1024 * 1024 }) * 1024 * 1024,
      keys: numberOption(options, 'keys', { min: 1, max: 100_000_000 }),
    })
    print(options, report, printDeliver)
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
