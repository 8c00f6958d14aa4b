import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workspace } from '../../src/harness/workspace.ts'

const source = join(import.meta.dirname, '../../src/harness/workspace.ts')
let base: string

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'bench-workspace-'))
})
afterEach(() => rmSync(base, { recursive: true, force: true }))

/** A program that makes a workspace below `base/made`, puts a file into it, and then does `rest`. */
function program(rest: string): string[] {
  return [
    '--input-type=module',
    '--eval',
    `import { writeFileSync } from 'node:fs'
     const { Workspace } = await import(${JSON.stringify(source)})
     const workspace = new Workspace(${JSON.stringify(join(base, 'made'))})
     writeFileSync(workspace.directory + '/file', 'x')
     console.log(workspace.directory)
     ${rest}`,
  ]
}

test('gives each user a fresh directory and removes it, also after a failure', async () => {
  using workspace = new Workspace(base)
  const seen: string[] = []
  const use = (fail: boolean) =>
    workspace.use(async (directory) => {
      seen.push(directory)
      writeFileSync(join(directory, 'file'), 'x')
      if (fail) throw new Error('broken')
      return readdirSync(directory)
    })
  await expect(use(false)).resolves.toEqual(['file'])
  await expect(use(true)).rejects.toThrow('broken')
  expect(new Set(seen).size).toBe(2)
  expect(readdirSync(workspace.directory)).toEqual([])
})

test('removes its directory when disposed, and the parent only if it made it', () => {
  const parent = join(base, 'made')
  new Workspace(parent)[Symbol.dispose]()
  expect(existsSync(parent)).toBe(false)
  new Workspace(base)[Symbol.dispose]()
  expect(readdirSync(base)).toEqual([])
})

test('leaves the parent to another run that uses it', () => {
  const parent = join(base, 'made')
  const first = new Workspace(parent)
  const second = new Workspace(parent)
  first[Symbol.dispose]()
  expect(existsSync(second.directory)).toBe(true)
  second[Symbol.dispose]()
})

test('leaves nothing behind when the process ends by an error', () => {
  expect(() =>
    execFileSync(process.execPath, program("throw new Error('broken')"), { stdio: 'pipe' }),
  ).toThrow('broken')
  expect(readdirSync(base)).toEqual([])
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'leaves nothing behind on %s',
  async (signal) => {
    const child = spawn(process.execPath, program('setInterval(() => {}, 1000)'))
    const [line] = await once(child.stdout, 'data')
    expect(existsSync(join(String(line).trim(), 'file'))).toBe(true)
    child.kill(signal)
    const [code] = await once(child, 'exit')
    expect(code).toBeGreaterThan(128)
    expect(readdirSync(base)).toEqual([])
  },
)
