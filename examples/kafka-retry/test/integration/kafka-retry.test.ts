// needs: kafka

import { join } from 'node:path'
import { runExample } from '@daybook/example-stage/testing'
import { expect, test } from 'vitest'

const main = join(import.meta.dirname, '../../src/main.ts')

test('ratings reach Kafka in order although its broker dies, and the store although films are late', async () => {
  const { code, output } = await runExample(main)
  expect(output).toContain('0 lost, 0 out of order, 0 unhandled, 0 miscounted, 0 wrongly dead')
  expect(code, output).toBe(0)
})
