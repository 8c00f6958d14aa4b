import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  isPaused,
  killProcess,
  processIn,
  signalProcess,
  startProcess,
  stopProcess,
} from '../src/process.ts'
import { processRunner } from '../src/process-runner.ts'
import { processState } from '../src/process-table.ts'
import type { Place } from '../src/server.ts'
import { waitUntil } from '../src/wait-until.ts'

let directory: string
const log = (): string => processRunner.log({ directory } as Place)

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-process-'))
})
afterEach(async () => {
  await killProcess(directory)
  rmSync(directory, { recursive: true, force: true })
})

/** Runs a script as a server, until it has printed `ready`. */
async function startScript(script: string): Promise<void> {
  await startProcess(directory, { program: process.execPath, args: ['-e', script] })
  await waitUntil(() => log().includes('ready'), 10_000, 5)
}

const idle = 'console.log("ready"); setInterval(() => {}, 1_000)'

test('a server is found by its directory, and gone after a kill', async () => {
  expect(processIn(directory)).toBeUndefined()
  await startScript(idle)
  expect(processIn(directory)).toBeGreaterThan(0)
  await killProcess(directory)
  expect(processIn(directory)).toBeUndefined()
})

test('what a server has started dies with it, also in a group of its own', async () => {
  const child =
    'require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1e3)"], '
  await startScript(
    `const child = ${child}{ detached: true, stdio: "ignore" }); console.log("child", child.pid); ${idle}`,
  )
  const pid = Number(/child (\d+)/.exec(log())?.[1])
  expect(processState(pid)).toMatch(/[RSD]/)
  await killProcess(directory)
  expect(await waitUntil(() => [undefined, 'Z'].includes(processState(pid)), 5_000, 20)).toBe(true)
})

test('a pid that was given to some other program is not taken for the server', async () => {
  writeFileSync(join(directory, 'pid'), `${process.pid}\n`)
  expect(processIn(directory)).toBeUndefined()
  signalProcess(directory, 'SIGKILL') // would end this test
})

test('a stop lets the server end in its own way', async () => {
  await startScript(`process.on('SIGTERM', () => { console.log('bye'); process.exit() }); ${idle}`)
  await stopProcess(directory, 10_000)
  expect(log()).toContain('bye')
})

test('a stop ends a server that will not, after the limit', async () => {
  await startScript(`process.on('SIGTERM', () => console.log('no')); ${idle}`)
  await stopProcess(directory, 200)
  expect(processIn(directory)).toBeUndefined()
  expect(log()).toContain('no')
})

test('a paused server can be told, goes on, and can be stopped while it is paused', async () => {
  await startScript(`process.on('SIGTERM', () => { console.log('bye'); process.exit() }); ${idle}`)
  signalProcess(directory, 'SIGSTOP')
  await waitUntil(() => isPaused(directory), 5_000, 5)
  expect(isPaused(directory)).toBe(true)
  signalProcess(directory, 'SIGCONT')
  await waitUntil(() => !isPaused(directory), 5_000, 5)
  expect(isPaused(directory)).toBe(false)
  signalProcess(directory, 'SIGSTOP')
  await stopProcess(directory, 10_000)
  expect(log()).toContain('bye')
})

test('a kill takes along what the server has started', async () => {
  const child = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 9)'])`
  await startScript(`const { pid } = ${child}; console.log(pid, 'ready'); setInterval(() => {}, 9)`)
  const pid = Number.parseInt(log(), 10)
  await killProcess(directory)
  const isGone = (): boolean => {
    try {
      process.kill(pid, 0)
      return false
    } catch {
      return true
    }
  }
  expect(await waitUntil(isGone, 10_000, 5)).toBe(true)
})

test('a program that does not exist is said in the log', async () => {
  await startProcess(directory, { program: './no-such-program', args: [] })
  await waitUntil(() => log() !== '', 5_000, 5)
  expect(log()).toMatch(/no-such-program/)
  expect(processIn(directory)).toBeUndefined()
})
