import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Packed } from '../../scripts/packages/pack.ts'
import { ownRules } from '../../scripts/packages/tarball.ts'

const good = {
  LICENSE: '',
  'package.json': '{}',
  'dist/index.js': "import { open } from 'node:fs'\n",
  'dist/index.d.ts': '',
}

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-tarball-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** What the rules say of a tarball with these files and exports. */
function check(texts: Record<string, string>, exports: Packed['manifest']['exports'] = {}) {
  for (const [path, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  const manifest = { name: 'a', version: '1.0.0', exports }
  return ownRules({ ...manifest, manifest, tarball: '', directory, files: Object.keys(texts) })
}

test('a good tarball passes', () => {
  expect(check(good)).toEqual([])
})

test('a tarball without a licence, or with sources, does not pass', () => {
  const { LICENSE: _, ...unlicensed } = good
  expect(check(unlicensed)).toEqual(['LICENSE is missing'])
  expect(check({ ...good, 'dist/a.ts': '' })).toEqual(['dist/a.ts has no place in the tarball'])
})

test('a built-in module without its prefix is found', () => {
  expect(check({ ...good, 'dist/a.js': 'import{x}from"fs/promises"' })).toHaveLength(1)
  expect(check({ ...good, 'dist/a.js': "import('sqlite')\nimport x from 'fsx'" })).toEqual([])
})

test('an export condition of this workspace is found', () => {
  expect(check(good, { '.': { source: './src/index.ts' } })).toHaveLength(1)
})
