// needs: kafka, memcached

import { join } from 'node:path'
import { runExample } from '@daybook/example-stage/testing'
import { expect, test } from 'vitest'

test('three regions hold the same after links were cut, slow and silent, and two of them died', async () => {
  const main = join(import.meta.dirname, '../../src/main.ts')
  const { code, output } = await runExample(main)
  expect(output).toContain('0 lost, 0 diverged')
  expect({ code, output }).toMatchObject({ code: 0 })
}, 300_000)
