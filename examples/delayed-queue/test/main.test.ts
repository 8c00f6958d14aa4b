import { join } from 'node:path'
import { runExample } from '@daybook/example-stage/testing'
import { expect, test } from 'vitest'

const main = join(import.meta.dirname, '../src/main.ts')

test('deletions come in their time and no other, though the service is killed while they wait', async () => {
  const { code, output } = await runExample(main)
  expect(output).toContain('1,597 deletions scheduled, 539 taken back, 1,058 came.')
  expect(output).toContain(
    '0 films lost, 0 deletions forgotten, 0 early, 0 uncalled for, 0 left behind, 0 seconds too busy',
  )
  expect(code, output).toBe(0)
}, 120_000)
