import { expect, test } from 'vitest'
import { readRepository } from './read-repository.ts'
import { docComments } from './rules/doc-comments.ts'
import { errorCodes } from './rules/error-codes.ts'
import { importDirection } from './rules/import-direction.ts'
import {
  fileLength,
  lockfileWithoutAddresses,
  noLeftOutTests,
  noLeftovers,
  noMachine,
} from './rules/plain-text.ts'
import { testNames } from './rules/test-names.ts'

const files = readRepository()

test('the repository is read whole', () => {
  for (const path of ['package.json', 'pnpm-lock.yaml', '.ci/run', 'packages/core/src/errors.ts']) {
    expect(files.has(path), path).toBe(true)
  }
})

test.each([
  ['imports point one way', importDirection],
  ['no file of sources or tests is too long', fileLength],
  ['every test runs', noLeftOutTests],
  ['nothing is left for later', noLeftovers],
  ['nothing names a machine or a registry', noMachine],
  ['the lockfile holds no download address', lockfileWithoutAddresses],
  ['error codes and docs/errors.md agree', errorCodes],
  ['every public export has a doc comment', docComments],
  ['no two tests share a name', testNames],
])('%s', (_, rule) => {
  expect(rule(files)).toEqual([])
})
