import { join } from 'node:path'
import { runExample } from '@daybook/example-stage/testing'
import { expect, test } from 'vitest'

const main = join(import.meta.dirname, '../src/main.ts')

test('a consumer that is slow, asks for pauses and dies holds up no other, and one more is filled later', async () => {
  const { code, output } = await runExample(main)
  expect(output).toContain('0 lost, 0 out of order, 0 diverged, 0 held up, 0 dead letters')
  expect(output).toContain('401 and 401')
  expect(output).toContain('by a replay of 1,356 changes')
  expect(code, output).toBe(0)
}, 120_000)
