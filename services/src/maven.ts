import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkSums, recordedSums } from './checksums.ts'
import { withLock } from './lock.ts'
import { demand, type Need } from './needs/need.ts'
import { program } from './needs/program.ts'
import { cacheDirectory } from './paths.ts'
import type { Report } from './report.ts'

/** A program that is put together of jars. */
export interface Jars {
  /** The name of its cache and of its file of checksums. */
  readonly name: string
  /** `group:artifact:version` of what is wanted; Maven adds what these need. */
  readonly artifacts: readonly string[]
}

const maven = program('mvn', 'maven')
const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1'
const tries = 3

/** Where the jars are kept. Another folder whenever one of them is to be another. */
export function jarsDirectory({ name }: Jars): string {
  const fingerprint = createHash('sha256').update(recordedSums(name)).digest('hex')
  return join(cacheDirectory(), `${name}-${fingerprint.slice(0, 12)}`)
}

/** What fetching the jars takes: nothing once they are in the cache. */
export function jarsNeed(jars: Jars): Need {
  return {
    ...maven,
    what: 'mvn (for its jars)',
    find: () => (existsSync(jarsDirectory(jars)) ? jarsDirectory(jars) : maven.find()),
  }
}

/**
 * Fetches the jars with Maven, as it is configured on this machine, unless they are in the cache. The
 * folder gets its name only when every file is there and is, byte for byte, the one we tried.
 */
export async function fetchJars(jars: Jars, report: Report): Promise<void> {
  const directory = jarsDirectory(jars)
  if (existsSync(directory)) return
  await withLock(join(cacheDirectory(), `${jars.name}.lock`), async () => {
    if (existsSync(directory)) return
    const partial = `${directory}.partial`
    await download(jars, partial, report)
    checkSums(jars.name, partial)
    renameSync(partial, directory)
    report(`${readdirSync(directory).length} files, as expected`)
  })
}

/** Has Maven copy the jars, and all they need, into an empty folder. */
export async function download(jars: Jars, into: string, report: Report): Promise<void> {
  const mvn = demand(maven)
  const pom = `${into}.pom.xml`
  for (let attempt = 1; ; attempt++) {
    rmSync(into, { recursive: true, force: true })
    mkdirSync(into, { recursive: true })
    writeFileSync(pom, pomOf(jars))
    report(`fetching ${jars.artifacts.join(', ')} with Maven`)
    // -U: what could not be fetched a moment ago is asked for again.
    const args = ['-B', '-q', '-U', '-f', pom, `${plugin}:copy-dependencies`]
    args.push('-DincludeScope=runtime', `-DoutputDirectory=${into}`)
    const { code, output } = await run(mvn, args, report)
    rmSync(pom, { force: true })
    if (code === 0) return
    if (attempt === tries) throw new Error(`Maven could not fetch ${basename(into)}:\n${output}`)
    report(`that failed; again in ${attempt * 5} s`)
    await sleep(attempt * 5_000)
  }
}

function pomOf({ name, artifacts }: Jars): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version] = artifact.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version></dependency>`
  })
  return `<project><modelVersion>4.0.0</modelVersion><groupId>daybook</groupId><artifactId>${name}</artifactId>
<version>1</version><packaging>pom</packaging><dependencies>${dependencies.join('\n')}</dependencies></project>\n`
}

async function run(
  command: string,
  args: readonly string[],
  report: Report,
): Promise<{ code: number | null; output: string }> {
  const started = performance.now()
  const heartbeat = setInterval(() => {
    report(`still fetching, ${Math.round((performance.now() - started) / 1000)} s`)
  }, 15_000)
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      const keep = (text: string): void => {
        output += text
      }
      child.stdout.setEncoding('utf8').on('data', keep)
      child.stderr.setEncoding('utf8').on('data', keep)
      child.on('error', reject)
      child.on('close', (code) => resolve({ code, output }))
    })
  } finally {
    clearInterval(heartbeat)
  }
}
