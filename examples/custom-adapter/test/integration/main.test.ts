// needs: postgresql

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'

test('orders that were called saved outlive the death of the server they wait in', async () => {
  const main = join(import.meta.dirname, '../../src/main.ts')
  const child = spawn(process.execPath, ['--conditions=source', main], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  expect(output).toContain('600 orders saved, 600 at the shop, 0 lost')
  expect({ code, output }).toMatchObject({ code: 0 })
})
