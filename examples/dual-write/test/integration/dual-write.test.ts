// needs: cassandra, elasticsearch

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'

test('both stores hold the same films after each was killed in turn', async () => {
  const main = join(import.meta.dirname, '../../src/main.ts')
  const child = spawn(process.execPath, ['--conditions=source', main], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  expect(output).toContain('Both hold the same 3,169 films, at the same versions: 0 differ.')
  expect({ code, output }).toMatchObject({ code: 0 })
})
