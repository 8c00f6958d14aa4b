import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { brokenAnchors, brokenLinks, missingScripts, missingTests } from './pages.ts'

const root = dirname(dirname(import.meta.dirname))
const pages = globSync(['*.md', 'docs/**/*.md', '{packages,examples}/*/*.md', 'bench/*.md'], {
  cwd: root,
  exclude: ['docs/api'],
}).map((page) => [page, readFileSync(join(root, page), 'utf8')] as const)

test('links between pages lead somewhere', () => {
  const exists = (path: string): boolean => existsSync(join(root, path))
  expect(pages.flatMap(([page, text]) => brokenLinks(page, text, exists))).toEqual([])
})

test('links to headings lead to one', () => {
  const texts = new Map<string, string>(pages)
  const textOf = (path: string): string | undefined => texts.get(path)
  expect(pages.flatMap(([page, text]) => brokenAnchors(page, text, textOf))).toEqual([])
})

test('pages name only scripts that exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(pages.flatMap(([page, text]) => missingScripts(page, text, scripts))).toEqual([])
})

test('pages name only tests that exist', () => {
  const files = globSync('{packages,examples}/*/test/**/*.test.ts', { cwd: root })
  const sourcesOf = (name: string): readonly string[] =>
    files
      .filter((file) => basename(file) === name)
      .map((file) => readFileSync(join(root, file), 'utf8'))
  expect(pages.flatMap(([page, text]) => missingTests(page, text, sourcesOf))).toEqual([])
})

test('a link to nowhere is found', () => {
  const text = '[a](errors.md#x) [b](../README.md) [c](https://example.com) [d](#below)'
  const exists = (path: string): boolean => path === 'README.md'
  expect(brokenLinks('docs/a.md', text, exists)).toEqual([
    'docs/a.md: docs/errors.md does not exist',
  ])
})

test('a link to a heading that is not there is found', () => {
  const text =
    '# A `b`, c?\n[a](#a-b-c) [b](#b) [c](b.md#d) [d](b.md#e) [e](https://example.com/#f)'
  const textOf = (path: string): string | undefined => (path === 'docs/b.md' ? '## D' : undefined)
  expect(brokenAnchors('docs/a.md', text, textOf)).toEqual([
    'docs/a.md: docs/a.md has no heading #b',
    'docs/a.md: docs/b.md has no heading #e',
  ])
})

test('a script that does not exist is found', () => {
  const text = 'Run `npm run demo`, `npm test`, or `pnpm run gone -- x`.'
  expect(missingScripts('a.md', text, { demo: '' })).toEqual(['a.md: no script is named gone'])
})

test('a test that does not exist is found, and one with places for values is not', () => {
  const sources = { 'a.test.ts': "it('holds')\nit.each(['x'])('holds for %s too')" }
  const sourcesOf = (file: string): readonly string[] =>
    Object.entries(sources).flatMap(([name, text]) => (name === file ? [text] : []))
  const rows = ['holds', 'holds for x too (seed 1)', 'is gone']
  const text = rows.map((title) => `| a flaw | \`a.test.ts\`: ${title} |`).join('\n')
  expect(missingTests('t.md', `${text}\n| b | \`b.test.ts\`: holds |`, sourcesOf)).toEqual([
    "t.md: a.test.ts has no test 'is gone'",
    "t.md: b.test.ts has no test 'holds'",
  ])
})
