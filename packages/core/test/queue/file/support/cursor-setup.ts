import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach } from 'vitest'
import type { AttemptState } from '../../../../src/consumer/consumer.ts'
import type { WalError } from '../../../../src/errors.ts'
import { Cursor } from '../../../../src/queue/file/cursor.ts'
import { systemRandom } from '../../../../src/random.ts'
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts'
import { HookedFileSystem } from './hooked-file-system.ts'
import { temporaryDirectory } from './temporary-directory.ts'

// What the tests of cursors begin with. All of it is made anew for each test.

export const seed = Number(process.env['DAYBOOK_SEED'])

export let directory: string
export let disk: HookedFileSystem
export let clock: VirtualClock
export let errors: WalError[]

beforeEach(async () => {
  await changeDirectory()
  disk = new HookedFileSystem()
  clock = new VirtualClock()
  errors = []
})

/** Another one, for a test that needs several. */
export async function changeDirectory(): Promise<void> {
  directory = await temporaryDirectory()
}

export interface OpenOptions {
  readonly place?: string
  readonly slackBytes?: number
}

export function open({ place = directory, slackBytes }: OpenOptions = {}): Promise<Cursor> {
  return Cursor.open({
    slackBytes,
    directory: place,
    name: 'search.cursor',
    target: 'search',
    fileSystem: disk,
    clock,
    random: systemRandom,
    reportError: (error) => errors.push(error),
  })
}

/** What a process that is killed now leaves to the next one. */
export async function openAfterKill(): Promise<Cursor> {
  const place = await temporaryDirectory()
  await copyFile(join(directory, 'search.cursor'), join(place, 'search.cursor'))
  return open({ place })
}

export const failedOnce: AttemptState = {
  spent: 1,
  interrupted: 0,
  notBefore: 77,
  history: [
    {
      at: 1,
      durationMs: 2,
      target: 'search',
      class: 'transient',
      code: 'BUSY',
      message: 'Später …',
    },
  ],
}

export function ackAll(cursor: Cursor, ...sequences: number[]): void {
  for (const sequence of sequences) cursor.ack(sequence)
}

export function doneUpTo(highest: number, cursor: Cursor): number[] {
  const all = Array.from({ length: highest }, (_, at) => at + 1)
  return all.filter((sequence) => cursor.isDone(sequence))
}
