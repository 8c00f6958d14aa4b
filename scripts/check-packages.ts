// node scripts/check-packages.ts
//
// Packs every public package and looks at the tarball as its user gets it, never at the sources.

import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pack } from './packages/pack.ts'
import { checkTarball } from './packages/tarball.ts'
import { tryAsUser } from './packages/try-as-user.ts'

const root = dirname(import.meta.dirname)
const workshop = mkdtempSync(join(tmpdir(), 'daybook-packages-'))
try {
  for (const manifest of globSync('packages/*/package.json', { cwd: root }).sort()) {
    const directory = join(root, dirname(manifest))
    if (JSON.parse(readFileSync(join(root, manifest), 'utf8')).private === true) continue
    // A project of its own: in that of another package, ours would be a link into the sources.
    const place = join(workshop, basename(directory))
    mkdirSync(place)
    const packed = pack(root, directory, place)
    const problems = [
      ...(await checkTarball(root, packed)),
      ...tryAsUser(root, directory, packed, place),
    ]
    console.log(`${packed.name} ${packed.version}: ${problems.length} problems`)
    for (const problem of problems) console.log(`  ${problem.replaceAll('\n', '\n  ')}`)
    if (problems.length > 0) process.exitCode = 1
  }
} finally {
  rmSync(workshop, { recursive: true, force: true })
}
