import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { type Jars, jarsDirectory } from '../maven.ts'
import { packageDirectory } from '../paths.ts'
import type { Report } from '../report.ts'

// A node loads its parts ("modules") from folders of a home directory, each with a description, and
// refuses parts that are on the class path as well. Two are needed: HTTP, and an answer to GET /.

const sources = join(packageDirectory, 'java')
const httpModule = /^(netty-|transport-netty4-|elasticsearch-ssl-config-)/

/** The home directory with its modules, and the compiled launcher in `launcher`. */
export function homeDirectory(jars: Jars): string {
  const hash = createHash('sha256')
  for (const file of globSync('*.java', { cwd: sources }).sort()) {
    hash.update(readFileSync(join(sources, file)))
  }
  return `${jarsDirectory(jars)}-${hash.digest('hex').slice(0, 8)}`
}

/** The class path of a node: the launcher, and all jars but those of its modules. */
export function classPath(jars: Jars): string {
  const libraries = globSync(join(jarsDirectory(jars), '*.jar')).sort()
  const own = libraries.filter((jar) => !httpModule.test(basename(jar)))
  return [join(homeDirectory(jars), 'launcher'), ...own].join(':')
}

/** Makes the home directory, unless it is there. */
export function buildHome(jars: Jars, jdk: string, version: string, report: Report): void {
  const home = homeDirectory(jars)
  if (existsSync(home)) return
  report('compiling its launcher')
  const partial = `${home}.partial`
  rmSync(partial, { recursive: true, force: true })
  compile(jars, jdk, 'EmbeddedElasticsearch.java', join(partial, 'launcher'))
  compile(jars, jdk, 'RootPlugin.java', join(partial, 'root'))
  buildRootModule(jdk, partial, version)
  buildHttpModule(jars, jdk, join(partial, 'modules', 'transport-netty4'))
  renameSync(partial, home)
}

function compile(jars: Jars, jdk: string, source: string, into: string): void {
  mkdirSync(into, { recursive: true })
  const path = join(jarsDirectory(jars), '*')
  run(into, join(jdk, 'bin', 'javac'), ['-cp', path, '-d', into, join(sources, source)])
}

function buildRootModule(jdk: string, home: string, version: string): void {
  const module = join(home, 'modules', 'root')
  mkdirSync(module, { recursive: true })
  run(module, join(jdk, 'bin', 'jar'), ['cf', 'root.jar', '-C', join(home, 'root'), '.'])
  const description = {
    name: 'root',
    description: 'GET /',
    version: '1',
    classname: 'daybook.RootPlugin',
    'java.version': '21',
    'elasticsearch.version': version,
  }
  const lines = Object.entries(description).map(([name, value]) => `${name}=${value}\n`)
  writeFileSync(join(module, 'plugin-descriptor.properties'), lines.join(''))
}

/** The jar of this module brings its description along, for a node on Java's module path. */
function buildHttpModule(jars: Jars, jdk: string, module: string): void {
  mkdirSync(module, { recursive: true })
  for (const jar of globSync(join(jarsDirectory(jars), '*.jar'))) {
    if (httpModule.test(basename(jar))) copyFileSync(jar, join(module, basename(jar)))
  }
  const [main = ''] = globSync(join(module, 'transport-netty4-*.jar'))
  const entry = 'META-INF/es-plugins/transport-netty4/plugin-descriptor.properties'
  run(module, join(jdk, 'bin', 'jar'), ['xf', main, entry])
  const description = readFileSync(join(module, entry), 'utf8').replace(/^modulename=.*$/m, '')
  writeFileSync(join(module, 'plugin-descriptor.properties'), description)
  rmSync(join(module, 'META-INF'), { recursive: true })
}

function run(cwd: string, program: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw error ?? new Error(`${basename(program)} failed:\n${stdout}${stderr}`)
}
