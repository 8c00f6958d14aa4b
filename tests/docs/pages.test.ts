import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { brokenLinks, missingScripts } from './pages.ts'

const root = dirname(dirname(import.meta.dirname))
const pages = globSync(['*.md', 'docs/**/*.md', '{packages,examples}/*/*.md', 'bench/*.md'], {
  cwd: root,
  exclude: ['docs/api'],
}).map((page) => [page, readFileSync(join(root, page), 'utf8')] as const)

test('links between pages lead somewhere', () => {
  const exists = (path: string): boolean => existsSync(join(root, path))
  expect(pages.flatMap(([page, text]) => brokenLinks(page, text, exists))).toEqual([])
})

test('pages name only scripts that exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(pages.flatMap(([page, text]) => missingScripts(page, text, scripts))).toEqual([])
})

test('a link to nowhere is found', () => {
  const text = '[a](errors.md#x) [b](../README.md) [c](https://example.com) [d](#below)'
  const exists = (path: string): boolean => path === 'README.md'
  expect(brokenLinks('docs/a.md', text, exists)).toEqual([
    'docs/a.md: docs/errors.md does not exist',
  ])
})

test('a script that does not exist is found', () => {
  const text = 'Run `npm run demo`, `npm test`, or `pnpm run gone -- x`.'
  expect(missingScripts('a.md', text, { demo: '' })).toEqual(['a.md: no script is named gone'])
})
