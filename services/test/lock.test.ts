import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { withLock } from '../src/lock.ts'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-lock-'))
  path = join(directory, 'lock')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('one at a time holds a lock, also within a process', async () => {
  const events: string[] = []
  const hold = (name: string): Promise<void> =>
    withLock(path, async () => {
      events.push(`${name} in`)
      await sleep(20)
      events.push(`${name} out`)
    })
  await Promise.all([hold('a'), hold('b'), hold('c')])
  expect(events.map((event) => event.slice(2))).toEqual(['in', 'out', 'in', 'out', 'in', 'out'])
})

test('a lock is given back where the work fails', async () => {
  await expect(withLock(path, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  expect(await withLock(path, async () => 'mine')).toBe('mine')
})

test('a lock ends with the process that holds it, however that ends', async () => {
  const module = JSON.stringify(join(import.meta.dirname, '../src/lock.ts'))
  const script = `import(${module}).then(({ withLock }) => withLock(process.argv[1], () => {
    console.log('held')
    return new Promise((resolve) => setInterval(() => process.argv[2] && resolve(), 1_000))
  }))`
  const child = spawn(process.execPath, ['-e', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const order: string[] = []
  const mine = withLock(path, async () => order.push('mine'))
  await sleep(150)
  order.push('killed')
  child.kill('SIGKILL')
  await mine
  expect(order).toEqual(['killed', 'mine'])
})
