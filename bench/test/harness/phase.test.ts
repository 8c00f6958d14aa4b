import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ownCpuMs } from '../../src/harness/cpu-time.ts'
import { inChild } from '../../src/harness/phase.ts'
import { examplePhase } from './example-phase.ts'

test('runs in a process of its own, which can collect its garbage, and answers', async () => {
  const answer = await inChild(examplePhase, { wish: 'answer', bytes: new Uint8Array([1, 2]) })
  expect(answer.pid).not.toBe(process.pid)
  expect(answer.hasGc).toBe(true)
  expect(answer.bytes).toEqual(new Uint8Array([1, 2]))
})

test('counts the processor time of the child as ours', async () => {
  const before = ownCpuMs() - (process.cpuUsage().user + process.cpuUsage().system) / 1000
  const { cpuMs } = await inChild(examplePhase, { wish: 'answer' })
  const after = ownCpuMs() - (process.cpuUsage().user + process.cpuUsage().system) / 1000
  expect(after - before).toBeGreaterThan(cpuMs / 2)
})

test('fails as the child fails', async () => {
  await expect(inChild(examplePhase, { wish: 'fail' })).rejects.toThrow('the disk is full')
})

test('fails where the child ends without an answer', async () => {
  await expect(inChild(examplePhase, { wish: 'exit' })).rejects.toThrow('exit code 3 and no answer')
})

test('the child does not outlive its parent', async () => {
  const parent = spawn(process.execPath, [
    '--conditions=source',
    '--input-type=module',
    '--eval',
    `const { inChild } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/harness/phase.ts'))})
     const { examplePhase } = await import(${JSON.stringify(join(import.meta.dirname, 'example-phase.ts'))})
     await inChild(examplePhase, { wish: 'hang' })`,
  ])
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(line)
  expect(isAlive(pid)).toBe(true)
  parent.kill('SIGKILL')
  while (isAlive(pid)) await sleep(10)
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
