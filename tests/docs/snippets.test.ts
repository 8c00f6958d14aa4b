import { expect, test } from 'vitest'
import { snippets } from './snippets.ts'

const page = (...lines: string[]): string => lines.join('\n')

test('finds a snippet and leaves its lines where they stand on the page', () => {
  const markdown = page('# Title', '', '```ts', 'const a = 1', '```', '```sh', 'ls', '```')
  expect(snippets('a.md', markdown)).toEqual([
    { page: 'a.md', line: 3, mode: 'run', code: '\n\n\nconst a = 1\n', output: undefined },
  ])
})

test('joins a snippet with the blocks that continue it', () => {
  const markdown = page('```ts', 'a()', '```', 'then', '```ts check continues', 'b()', '```')
  expect(snippets('a.md', markdown)).toEqual([
    { page: 'a.md', line: 1, mode: 'check', code: '\na()\n\n\n\nb()\n', output: undefined },
  ])
})

test('knows what a snippet must print', () => {
  const markdown = page('```ts', 'a()', '```', '```text output', 'x', 'y', '```')
  expect(snippets('a.md', markdown)).toMatchObject([{ output: 'x\ny' }])
})

test('takes the indent of a list off, and leaves longer fences alone', () => {
  const markdown = page('- item', '  ```ts sketch', '  if (a) {', '    b()', '  }', '  ```')
  expect(snippets('a.md', markdown)).toMatchObject([
    { mode: 'sketch', code: '\n\nif (a) {\n  b()\n}\n' },
  ])
  expect(snippets('a.md', page('````md', '```ts', 'a()', '```', '````'))).toEqual([])
})

test('refuses words it does not know, and continuations and outputs of nothing', () => {
  expect(() => snippets('a.md', page('```ts chekc', 'a()', '```'))).toThrow('a.md:1')
  expect(() => snippets('a.md', page('```ts continues', 'a()', '```'))).toThrow('no snippet')
  expect(() => snippets('a.md', page('```text output', 'a', '```'))).toThrow('no snippet')
})
