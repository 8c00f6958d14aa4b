import { expect, test } from 'vitest'
import { docComments } from './doc-comments.ts'

function check(files: Record<string, string>): readonly string[] {
  return docComments(
    new Map(Object.entries(files).map(([path, text]) => [`packages/core/src/${path}`, text])),
  )
}

test('objects to an export without a doc comment, at its declaration', () => {
  expect(
    check({
      'index.ts': "export { a } from './x/a.ts'\nexport type { B } from './x/a.ts'\n",
      'x/a.ts': '/** Fine. */\nexport const a = 1\n\nexport interface B {}\n',
    }),
  ).toEqual(['packages/core/src/x/a.ts:4: B is exported without a doc comment'])
})

test('follows export-all, renamed exports and local export lists', () => {
  expect(
    check({
      'index.ts': "export * from './a.ts'\nexport { b as c } from './b.ts'\n",
      'a.ts': 'export function a() {}\n',
      'b.ts': 'class b {}\nexport { b }\n',
    }),
  ).toEqual([
    'packages/core/src/a.ts:1: a is exported without a doc comment',
    'packages/core/src/b.ts:1: b is exported without a doc comment',
  ])
})

test('looks at the testing entry point too, and not at what stays inside', () => {
  expect(
    check({
      'testing/index.ts': 'export type A = 1\n',
      'inside.ts': 'export type B = 1\n',
    }),
  ).toEqual(['packages/core/src/testing/index.ts:1: A is exported without a doc comment'])
})

test('takes documented exports, and comments that are not for docs for none', () => {
  expect(check({ 'index.ts': '/** A. */\nexport const a = 1\n' })).toEqual([])
  expect(check({ 'index.ts': '// A.\nexport const a = 1\n' })).toHaveLength(1)
})
