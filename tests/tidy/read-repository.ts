import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Files } from './rule.ts'

const root = dirname(dirname(import.meta.dirname))
const texts = /\.(ts|mjs|js|json|ya?ml|md|txt|sh)$|(^|\/)(\.[a-z]+|run|LICENSE)$/
const generated = /(^|\/)(node_modules|dist|coverage|\.generated|\.git)\/|^docs\/api\//

/** Reads every text file that is, or is about to be, under version control. */
export function readRepository(): Files {
  const files = new Map<string, string>()
  for (const path of listFiles().sort()) {
    if (generated.test(path) || !texts.test(path)) continue
    const full = join(root, path)
    if (existsSync(full) && statSync(full).isFile()) files.set(path, readFileSync(full, 'utf8'))
  }
  return files
}

/** What git knows or would add; without git (an unpacked archive), what lies there. */
function listFiles(): string[] {
  if (!existsSync(join(root, '.git'))) {
    const exclude = ['**/node_modules', '**/dist']
    return globSync(['**/*', '**/.*', '.ci/*', '.changeset/*'], { cwd: root, exclude })
  }
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean)
}
