// needs: cassandra

import { join } from 'node:path'
import { runExample } from '@daybook/example-stage/testing'
import { expect, test } from 'vitest'

test('a table and its indexes hold the same after the service was killed as they were filled, and as films changed', async () => {
  const { code, output } = await runExample(join(import.meta.dirname, '../../src/main.ts'))
  expect(output.match(/The service is killed/g)).toHaveLength(2)
  expect(output).toContain('3,137 films,')
  expect(output).toContain(
    '0 films wrong, 0 index rows missing, 0 stale, 0 different, 0 dead letters',
  )
  expect(code, output).toBe(0)
})
