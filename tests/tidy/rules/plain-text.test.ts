import { describe, expect, test } from 'vitest'
import type { Rule } from '../rule.ts'
import {
  fileLength,
  lockfileWithoutAddresses,
  noLeftOutTests,
  noLeftovers,
  noMachine,
} from './plain-text.ts'

function check(rule: Rule, path: string, text: string): readonly string[] {
  return rule(new Map([[path, text]]))
}

describe('file length', () => {
  test('objects to 351 lines of a source and takes 350', () => {
    const path = 'packages/core/src/wal.ts'
    expect(check(fileLength, path, 'a\n'.repeat(350))).toEqual([])
    expect(check(fileLength, path, 'a\n'.repeat(351))).toEqual([
      expect.stringContaining('351 lines'),
    ])
  })

  test.each([
    'packages/core/test/wal.test.ts',
    'services/test/support/a.ts',
    'tests/docs/a.test.ts',
  ])('objects to 401 lines of %s and takes 400', (path) => {
    expect(check(fileLength, path, 'a\n'.repeat(400))).toEqual([])
    expect(check(fileLength, path, 'a\n'.repeat(401))).toEqual([
      expect.stringContaining('401 lines'),
    ])
  })
})

describe('tests left out', () => {
  test.each([
    'test.only(name, run)',
    'test.skip(name, run)',
    'it.todo(name)',
    'describe.skip(name, run)',
    'test.skipIf(windows)(name, run)',
    'describe.each(rows).only(name, run)'.replace('(rows)', ''),
    'xit(name, run)',
  ])('objects to %s', (text) => {
    expect(check(noLeftOutTests, 'packages/core/test/a.test.ts', `\n\n${text}`)).toEqual([
      expect.stringMatching(/^packages\/core\/test\/a\.test\.ts:3: /),
    ])
  })

  test('takes plain tests, and fields that happen to be named so', () => {
    const text = 'test(name, run)\ntest.each(rows)(name, run)\nreader.skip(4)\nlist.only()'
    expect(check(noLeftOutTests, 'packages/core/test/a.test.ts', text)).toEqual([])
  })
})

describe('leftovers', () => {
  test('objects to work left for later', () => {
    expect(check(noLeftovers, 'packages/core/src/a.ts', '// TODO: finish')).toHaveLength(1)
    expect(check(noLeftovers, 'docs/errors.md', 'FIXME')).toHaveLength(1)
    expect(check(noLeftovers, 'docs/errors.md', 'todos')).toEqual([])
  })
})

describe('paths of a machine', () => {
  test.each(['/home/ann/x', "'/Users/ann/x'", '(/root/x)', '/work/x', 'C:\\Users\\ann'])(
    'objects to %s',
    (text) => expect(check(noMachine, 'README.md', `see ${text}`)).toHaveLength(1),
  )

  test('objects to the address of a registry', () => {
    expect(check(noMachine, '.npmrc', 'https://registry.npmjs.org/')).toHaveLength(1)
  })

  test('takes paths inside the repository, and words that look alike', () => {
    const text = './work/a src/work/a <out>/home/x https://example.com/home/x /etc/hosts'
    expect(check(noMachine, 'README.md', text)).toEqual([])
  })
})

describe('lockfile', () => {
  test('objects to a download address', () => {
    const bad = 'resolution: {integrity: sha512-x, tarball: file}'
    expect(check(lockfileWithoutAddresses, 'pnpm-lock.yaml', bad)).toHaveLength(1)
    const url = 'version: https://example.com/a.tgz'
    expect(check(lockfileWithoutAddresses, 'pnpm-lock.yaml', url)).toHaveLength(1)
    const good = 'resolution: {integrity: sha512-x}'
    expect(check(lockfileWithoutAddresses, 'pnpm-lock.yaml', good)).toEqual([])
  })
})
