import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runDirectory } from './paths.ts'
import type { RunnerName } from './runners.ts'
import type { Place } from './server.ts'
import type { ServerName } from './servers/index.ts'

/** One server that was started and not taken down since: running, killed or stopped. */
export interface Instance extends Place {
  readonly server: ServerName
  /** Tells it from others of its kind; `main` for the first. */
  readonly name: string
  readonly runner: RunnerName
}

const fileName = 'instance.json'

/** The directory of an instance, whether there is one or not. */
export function directoryOf(server: ServerName, name: string): string {
  return join(runDirectory(), name === 'main' ? server : `${server}-${name}`)
}

/** The instance that lives in a directory. */
export function readInstance(directory: string): Instance | undefined {
  const file = join(directory, fileName)
  if (!existsSync(file)) return undefined
  return { ...JSON.parse(readFileSync(file, 'utf8')), directory }
}

/** Every instance, in the order of their names. */
export function readInstances(): readonly Instance[] {
  return globSync(join(runDirectory(), '*', fileName))
    .sort()
    .flatMap((file) => readInstance(dirname(file)) ?? [])
}

/** Puts an instance on record, before anything of it is started. */
export function writeInstance(instance: Instance): void {
  const { directory, ...rest } = instance
  mkdirSync(directory, { recursive: true })
  const file = join(directory, fileName)
  writeFileSync(`${file}.new`, `${JSON.stringify(rest, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}

/** A name for an instance's cluster, in the form that Kafka wants: 16 bytes in base64url. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  // A leading dash would be taken for an option.
  return Buffer.from(bytes).toString('base64url').replace(/^-/, 'A')
}
