// needs: cassandra, elasticsearch

import { join } from 'node:path'
import { runExample } from '@daybook/example-stage/testing'
import { expect, test } from 'vitest'

test('both stores hold the same films after each was killed in turn', async () => {
  const { code, output } = await runExample(join(import.meta.dirname, '../../src/main.ts'))
  expect(output).toContain('Both hold the same 3,169 films, at the same versions: 0 differ.')
  expect({ code, output }).toMatchObject({ code: 0 })
})
