// node scripts/build.ts
//
// Builds every package whose sources changed since its last build.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { toolScript } from './tools.mjs'

const root = dirname(import.meta.dirname)
const stamps = join(root, 'node_modules', '.cache', 'daybook')
mkdirSync(stamps, { recursive: true })

for (const manifest of globSync('packages/*/package.json', { cwd: root }).sort()) {
  const directory = join(root, dirname(manifest))
  const stamp = join(stamps, `build-${basename(directory)}`)
  const fingerprint = sourcesFingerprint(directory)
  const built = existsSync(join(directory, 'dist', 'index.js')) && existsSync(stamp)
  if (built && readFileSync(stamp, 'utf8') === fingerprint) continue
  console.log(`Building ${dirname(manifest)}`)
  const { status } = spawnSync(process.execPath, [toolScript(root, 'tsup')], {
    cwd: directory,
    stdio: 'inherit',
  })
  if (status !== 0) {
    process.exitCode = 1
    break
  }
  writeFileSync(stamp, fingerprint)
}

/** Changes with anything that a build reads: sources, manifest, settings, and the tools' versions. */
function sourcesFingerprint(directory: string): string {
  const hash = createHash('sha256')
  const own = globSync(['src/**/*.ts', '*.json', '*.ts'], { cwd: directory }).sort()
  const files = own.map((file) => join(directory, file))
  files.push(...['tsconfig.base.json', 'tsup.base.ts', 'pnpm-lock.yaml'].map((f) => join(root, f)))
  for (const file of files) hash.update(file).update(readFileSync(file))
  return hash.digest('hex')
}
