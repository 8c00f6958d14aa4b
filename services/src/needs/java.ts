import { globSync, readFileSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { debianRemedy } from './debian.ts'
import type { Need } from './need.ts'
import { findProgram, isExecutable } from './program.ts'

/** Which Java a server runs on. */
export interface JavaVersions {
  readonly from: number
  /** The newest that it was seen to run on. Default: any. */
  readonly to?: number
  /** True where something has to be compiled. */
  readonly compiler?: boolean
}

/** A Java, found wherever one is installed. What is found is its home. */
export function java({ from, to, compiler = false }: JavaVersions): Need {
  const range = to === undefined ? `${from} or newer` : from === to ? `${from}` : `${from} to ${to}`
  const program = compiler ? 'bin/javac' : 'bin/java'
  const debian = `openjdk-${from}-${compiler ? 'jdk' : 'jre'}-headless`
  return {
    what: compiler ? `a JDK (${range})` : `Java ${range}`,
    find: () =>
      homes()
        .filter((home) => isExecutable(join(home, program)))
        .map((home) => ({ home, version: versionOf(home) }))
        .filter(({ version }) => version >= from && version <= (to ?? Number.POSITIVE_INFINITY))
        .sort((a, b) => a.version - b.version)[0]?.home,
    remedy: debianRemedy([debian]) + (from > 17 ? ' (Debian 13 has it)' : ''),
    packages: [debian],
  }
}

/** Every Java of this machine: what JAVA_HOME and PATH say, and where installers put them. */
function homes(): readonly string[] {
  const onPath = findProgram('java')
  const found = [
    process.env['JAVA_HOME'],
    onPath === undefined ? undefined : dirname(dirname(realpathSync(onPath))),
    ...globSync([
      '/usr/lib/jvm/*',
      '/opt/*jdk*',
      '/opt/java/*',
      '/Library/Java/JavaVirtualMachines/*/Contents/Home',
      '/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home',
      join(homedir(), '.sdkman/candidates/java/*'),
      join(homedir(), '.jdks/*'),
    ]),
  ]
  return [...new Set(found.filter((home) => home !== undefined))]
}

/** The feature release, such as 17; 0 where nothing says. */
function versionOf(home: string): number {
  try {
    const release = readFileSync(join(home, 'release'), 'utf8')
    return Number(/^JAVA_VERSION="(?:1\.)?(\d+)/m.exec(release)?.[1] ?? 0)
  } catch {
    return 0
  }
}
