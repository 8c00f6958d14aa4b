import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { toolScript } from '../tools.mjs'
import type { Packed } from './pack.ts'

/**
 * Uses an unpacked package the way its user would, in a project outside of this repository that has
 * nothing but the package and what its manifest declares: type-checks it, with the declarations of
 * all it needs, and runs it. `tests/packages/<folder>-user.ts` is such a user's program.
 */
export function tryAsUser(
  root: string,
  packageDirectory: string,
  packed: Packed,
  workshop: string,
): readonly string[] {
  const project = join(workshop, 'user')
  const { dependencies = {}, peerDependencies = {} } = packed.manifest
  for (const name of Object.keys({ ...dependencies, ...peerDependencies })) {
    link(join(packageDirectory, 'node_modules', name), join(project, 'node_modules', name))
  }
  link(join(root, 'node_modules/@types/node'), join(project, 'node_modules/@types/node'))
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }\n')

  const programs = [writeImports(project, packed)]
  const own = join(root, 'tests', 'packages', `${basename(packageDirectory)}-user.ts`)
  if (existsSync(own)) {
    copyFileSync(own, join(project, 'user.ts'))
    programs.push('user.ts')
  }
  return [
    ...['NodeNext', 'Bundler'].flatMap((resolution) => typeCheck(root, project, resolution)),
    ...programs.flatMap((program) => run(project, program)),
  ]
}

/** A program that imports every entry point. */
function writeImports(project: string, { name, manifest }: Packed): string {
  const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json')
  const lines = entries.map((entry, index) => {
    const specifier = entry === '.' ? name : `${name}${entry.slice(1)}`
    return `import * as entry${index} from '${specifier}'\nif (Object.keys(entry${index}).length === 0) throw new Error('${specifier} is empty')\n`
  })
  writeFileSync(join(project, 'imports.ts'), lines.join(''))
  return 'imports.ts'
}

function typeCheck(root: string, project: string, resolution: string): readonly string[] {
  const config = {
    compilerOptions: {
      target: 'ES2023',
      lib: ['ES2023', 'ESNext.Disposable'],
      module: resolution === 'NodeNext' ? 'NodeNext' : 'ESNext',
      moduleResolution: resolution,
      strict: true,
      exactOptionalPropertyTypes: true,
      types: ['node'],
      noEmit: true,
    },
    include: ['*.ts'],
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
  const args = [toolScript(root, 'tsc'), '-p', project]
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' })
  return status === 0 ? [] : [`types, with ${resolution} resolution:\n${stdout}`]
}

function run(project: string, program: string): readonly string[] {
  const options = { cwd: project, encoding: 'utf8', timeout: 60_000 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], options)
  return status === 0 ? [] : [`running ${program}:\n${stdout}${stderr}`]
}

function link(from: string, to: string): void {
  if (existsSync(to)) return
  mkdirSync(dirname(to), { recursive: true })
  symlinkSync(from, to, 'junction')
}
