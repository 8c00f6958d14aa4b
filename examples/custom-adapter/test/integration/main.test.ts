// needs: postgresql

import { join } from 'node:path'
import { runExample } from '@daybook/example-stage/testing'
import { expect, test } from 'vitest'

test('orders that were called saved outlive the death of the server they wait in', async () => {
  const { code, output } = await runExample(join(import.meta.dirname, '../../src/main.ts'))
  expect(output).toContain('200 orders, each written 3 times; 200 at the shop')
  expect(output).toContain('0 lost, 0 outdated, 0 uncalled for')
  expect(code, output).toBe(0)
})
