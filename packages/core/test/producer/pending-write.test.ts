import { join } from 'node:path'
import { expect, it } from 'vitest'
import { TestProcess } from '../simulation/kill-process.ts'

const script = join(import.meta.dirname, 'pending-write-child.ts')

it('a process does not end silently while somebody waits for the answer to a write', async () => {
  const child = new TestProcess(script, {})
  expect(await child.line('answer')).toBe('answer ["unknown","unknown","no","unknown","no"]')
  expect(await child.ended).toMatchObject({ code: 0, complaints: '' })
})
