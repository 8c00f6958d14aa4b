import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { type CommandOptions, runCommand } from '../../scripts/command.ts'

/** A process that never ends, and holds its parent's output open. */
const orphan = `require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { detached: true, stdio: 'inherit' }).unref()`

function run(script: string, options: Partial<CommandOptions> = {}) {
  const defaults = { root: tmpdir(), live: false, limitMs: 20_000 }
  return runCommand(['-e', script], { ...defaults, ...options })
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a command ends although a process that it left behind holds its output open; that is named, and ended', async () => {
  const ending = await run(`${orphan}; console.log('done')`)
  expect(ending).toMatchObject({ passed: true, output: 'done\n' })
  expect(ending.leftBehind.map(({ command }) => command)).toEqual([
    expect.stringContaining('setInterval'),
  ])
  const isLeft = () => ending.leftBehind.some(({ pid }) => isThere(pid))
  await expect.poll(isLeft).toBe(false)
})

test('a command that runs out of time has failed, and what still ran is named', async () => {
  const ending = await run(`${orphan}; setInterval(() => {}, 1e6)`, { limitMs: 1_000 })
  expect(ending.passed).toBe(false)
  expect(ending.reason).toMatch(/^ended after 1 seconds, while this ran: .*\d+ .*-e setInterval/)
  expect(ending.leftBehind).toHaveLength(1)
})

test('a command that does not listen is ended once its time for clearing up is over', async () => {
  const script = `process.on('SIGTERM', () => console.log('no')); setInterval(() => {}, 1e6)`
  const ending = await run(script, { limitMs: 1_000, graceMs: 500 })
  expect(ending).toMatchObject({ passed: false, output: 'no\n', leftBehind: [] })
})

test('a command that leaves nothing behind says how it went, and what it printed', async () => {
  const none = { leftBehind: [] }
  const printed = await run(`console.log('out'); console.error('err')`)
  expect(printed).toMatchObject({ passed: true, ...none })
  expect(printed.output.split('\n').toSorted()).toEqual(['', 'err', 'out'])
  expect(await run('process.exit(3)')).toEqual({ passed: false, output: '', ...none })
})
