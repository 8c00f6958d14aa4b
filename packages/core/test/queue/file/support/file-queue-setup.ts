import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach } from 'vitest'
import { OpenQueue, type OpenQueueOptions } from './open-queue.ts'
import { temporaryDirectory } from './temporary-directory.ts'

// What the tests of a file queue as a whole begin with.

const script = join(import.meta.dirname, 'queue-child.ts')
/** Nobody. */
export const otherUser = 65_534

/** Made anew for each test. */
export let directory: string

beforeEach(async () => {
  await changeDirectory()
})

/** Another one, for a test that needs several. */
export async function changeDirectory(): Promise<void> {
  directory = await temporaryDirectory()
}

export function open(options: OpenQueueOptions = {}): Promise<OpenQueue> {
  return OpenQueue.open({ directory, ...options })
}

export function startChild(mode: string, place = directory, options = {}): ChildProcess {
  return fork(script, [place, mode], { execArgv: [], ...options })
}

export async function firstMessage(child: ChildProcess): Promise<unknown> {
  const [message] = await once(child, 'message')
  return message
}

export async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** The epoch of the directory's last owner. */
export async function epochOf(place: string): Promise<number> {
  return JSON.parse(await readFile(join(place, 'owner.json'), 'utf8')).epoch
}
