import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { toolScript } from '../tools.mjs'
import type { Packed } from './pack.ts'

/** What is wrong with a tarball: by publint, by are-the-types-wrong, and by rules of our own. */
export async function checkTarball(root: string, packed: Packed): Promise<readonly string[]> {
  return [...(await lint(packed)), ...typesWrong(root, packed), ...ownRules(packed)]
}

async function lint({ tarball }: Packed): Promise<readonly string[]> {
  const bytes = readFileSync(tarball)
  const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const { messages, pkg } = await publint({ pack: { tarball: data }, strict: true })
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`)
}

function typesWrong(root: string, { tarball }: Packed): readonly string[] {
  const args = [toolScript(root, 'attw'), tarball, '--profile', 'esm-only', '--no-color']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return status === 0 ? [] : [`are-the-types-wrong:\n${stdout}${stderr}`]
}

/** What publint and are-the-types-wrong do not look for. */
export function ownRules({ manifest, files, directory }: Packed): readonly string[] {
  const problems: string[] = []
  for (const file of ['LICENSE', 'package.json', 'dist/index.js', 'dist/index.d.ts']) {
    if (!files.includes(file)) problems.push(`${file} is missing`)
  }
  for (const file of files) {
    const isSource = file.endsWith('.ts') && !file.endsWith('.d.ts')
    if (isSource || file.startsWith('src/')) problems.push(`${file} has no place in the tarball`)
  }
  const text = JSON.stringify(manifest)
  if (text.includes('"source"')) problems.push('the exports still have the source condition')
  if (text.includes('workspace:')) problems.push('a dependency is still a workspace: one')
  const builtin = new RegExp(`(?:from|import|import\\() ?['"](?:${builtinModules.join('|')})['"]`)
  for (const file of files.filter((name) => name.endsWith('.js'))) {
    const match = builtin.exec(readFileSync(join(directory, file), 'utf8'))
    if (match !== null) problems.push(`${file}: ${match[0]} lost its node: prefix`)
  }
  return problems
}
