import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { filesBelow, forgetCached } from '../../src/harness/page-cache.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bench-page-cache-'))
  mkdirSync(join(directory, 'below'))
  writeFileSync(join(directory, 'b'), 'two')
  writeFileSync(join(directory, 'below', 'a'), 'one')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('lists the files of a directory and below it, in order', async () => {
  expect(await filesBelow(directory)).toEqual([join(directory, 'b'), join(directory, 'below', 'a')])
})

test('asking the system to forget files changes nothing in them', async () => {
  expect(typeof (await forgetCached(directory))).toBe('boolean')
  expect(readFileSync(join(directory, 'b'), 'utf8')).toBe('two')
  expect(readFileSync(join(directory, 'below', 'a'), 'utf8')).toBe('one')
})

test('a directory that is not there is an error, or no such request', async () => {
  expect(await forgetCached(join(directory, 'gone'))).toBe(false)
})
