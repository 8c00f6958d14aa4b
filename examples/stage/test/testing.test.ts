import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { runExample } from '../src/testing.ts'

const directory = mkdtempSync(join(tmpdir(), 'daybook-example-'))
afterAll(() => rmSync(directory, { recursive: true }))

describe('an example that does not end', () => {
  const pidFile = join(directory, 'pid')
  const script = join(import.meta.dirname, 'endless-child.ts')

  test.fails('uses up the time of its test', { timeout: 3_000 }, () => runExample(script, pidFile))

  test('is ended with it', async () => {
    await expect.poll(() => existsSync(pidFile)).toBe(true)
    const pid = Number(readFileSync(pidFile, 'utf8'))
    const isThere = (signal: 0 | 'SIGKILL' = 0): boolean => {
      try {
        return process.kill(pid, signal)
      } catch {
        return false
      }
    }
    // Vitest would wait for it, for it holds its worker's output open.
    onTestFinished(() => void isThere('SIGKILL'))
    await expect.poll(() => isThere()).toBe(false)
  })
})
