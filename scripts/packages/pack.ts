import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toolScript } from '../tools.mjs'

/** A package as it would be published. */
export interface Packed {
  readonly name: string
  readonly version: string
  /** Its package.json, as packed. */
  readonly manifest: PackedManifest
  readonly tarball: string
  /** Where the tarball was unpacked. */
  readonly directory: string
  /** Paths of its files, relative to `directory`. */
  readonly files: readonly string[]
}

/** What the checks read of a package.json. */
export interface PackedManifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** Packs a built package with pnpm, which applies `publishConfig`, and unpacks the tarball. */
export function pack(root: string, packageDirectory: string, workshop: string): Packed {
  const answer = execFileSync(
    process.execPath,
    [toolScript(root, 'pnpm'), 'pack', '--json', '--pack-destination', workshop],
    { cwd: packageDirectory, encoding: 'utf8' },
  )
  const { name, version, filename } = JSON.parse(answer) as Record<string, string>
  if (name === undefined || version === undefined || filename === undefined) {
    throw new Error(`pnpm pack answered: ${answer}`)
  }
  const directory = join(workshop, 'user', 'node_modules', name)
  mkdirSync(directory, { recursive: true })
  execFileSync('tar', ['-xzf', filename, '-C', directory, '--strip-components=1'])
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const files = globSync('**/*', { cwd: directory, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
  return { name, version, manifest, tarball: filename, directory, files }
}
