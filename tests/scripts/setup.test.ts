import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { installFingerprint, workspaceDirectories } from '../../scripts/setup.mjs'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'daybook-setup-'))
  write('pnpm-workspace.yaml', 'packages:\n  - packages/*\n  - "bench"\n\nother:\n  - x\n')
  write('pnpm-lock.yaml', 'lock\n')
  write('package.json', '{ "name": "root" }')
  write('packages/b/package.json', '{ "name": "b" }')
  write('packages/a/package.json', '{ "name": "a" }')
  write('packages/no-manifest/readme.md', '')
  write('bench/package.json', '{ "name": "bench" }')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

test('finds the packages that the workspace file names', () => {
  expect(workspaceDirectories(root)).toEqual(['packages/a', 'packages/b', 'bench'])
})

test('the fingerprint changes with the lockfile and with any dependency', () => {
  const before = installFingerprint(root)
  write('pnpm-lock.yaml', 'another\n')
  const withLockfile = installFingerprint(root)
  expect(withLockfile).not.toBe(before)
  write('packages/a/package.json', '{ "name": "a", "dependencies": { "x": "1" } }')
  expect(installFingerprint(root)).not.toBe(withLockfile)
})

test('the fingerprint does not change with a script or a description', () => {
  const before = installFingerprint(root)
  write('package.json', '{ "name": "root", "description": "new", "scripts": { "x": "y" } }')
  expect(installFingerprint(root)).toBe(before)
})
