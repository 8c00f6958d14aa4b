import { fdatasync, constants as flags, write } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Meter } from '../harness/meter.ts'
import type { Contestant } from './contestant.ts'

/** Written over from the start again when full, so that a fast disk needs no larger file. */
const fileBytes = 256 * 1024 * 1024

/**
 * What this disk gives a Node process at best with one group on its way at a time: write a ready
 * buffer, fdatasync, again. No records, no checksums, no promises, and every block is allocated
 * before the clock starts.
 */
export const diskLoop: Contestant = loop({ name: 'node loop', openFlags: 0, blocks: 'ready' })

/** The same with a descriptor that writes and syncs in one call. */
export const dsyncLoop: Contestant = loop({
  name: 'O_DSYNC loop',
  openFlags: flags.O_DSYNC,
  blocks: 'ready',
})

/**
 * The same into a file that grows, as a log does: each sync has new blocks to make lasting, too. So this
 * is the most that a log that is not written over can reach with one group on its way at a time.
 */
export const growingLoop: Contestant = loop({
  name: 'growing loop',
  openFlags: flags.O_DSYNC,
  blocks: 'new',
})

interface LoopOptions {
  readonly name: string
  /** With `O_DSYNC` a write is lasting once it is answered, otherwise an fdatasync follows. */
  readonly openFlags: number
  /** Whether the file has its blocks before the clock starts, or gets them as it grows. */
  readonly blocks: 'ready' | 'new'
}

function loop({ name, openFlags, blocks }: LoopOptions): Contestant {
  return {
    name,
    async run({ directory, meter, payloadBytes, groupRecords }) {
      const path = join(directory, 'file')
      if (blocks === 'ready') await makeFileOfZeros(path)
      const file = await open(path, flags.O_RDWR | flags.O_CREAT | openFlags)
      try {
        const records = Math.max(1, Math.round(groupRecords))
        const sync = openFlags === 0 ? fdatasync : inTheWrite
        const end = blocks === 'ready' ? fileBytes : Number.POSITIVE_INFINITY
        await writeGroups({ file, meter, records, payloadBytes, sync, end })
      } finally {
        await file.close()
      }
      return undefined
    },
  }
}

/** What follows a write to make it lasting. */
type Sync = (fd: number, done: (error: Error | null) => void) => void

const inTheWrite: Sync = (_, done) => done(null)

async function makeFileOfZeros(path: string): Promise<void> {
  const file = await open(path, 'wx')
  try {
    const zeros = Buffer.alloc(4 * 1024 * 1024)
    for (let position = 0; position < fileBytes; position += zeros.length) {
      await file.write(zeros, 0, zeros.length, position)
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

interface Groups {
  readonly file: FileHandle
  readonly meter: Meter
  /** In each group. */
  readonly records: number
  readonly payloadBytes: number
  readonly sync: Sync
  /** Where the file ends, and is written over from its start. */
  readonly end: number
}

/** Callbacks all the way: promises would cost this loop time that is not the disk's. */
function writeGroups({ file, meter, records, payloadBytes, sync, end }: Groups): Promise<void> {
  const { fd } = file
  const group = Buffer.alloc(records * payloadBytes, 7)
  return new Promise((resolve, reject) => {
    let position = 0
    const next = (): void => {
      const startedAt = performance.now()
      if (meter.isOver(startedAt)) {
        resolve()
        return
      }
      if (position + group.length > end) position = 0
      write(fd, group, 0, group.length, position, (writeError, written) => {
        if (writeError) return reject(writeError)
        if (written < group.length) return reject(new Error(`short write of ${written} bytes`))
        sync(fd, (syncError) => {
          if (syncError) return reject(syncError)
          meter.completed(startedAt, performance.now(), records)
          position += group.length
          next()
        })
      })
    }
    meter.begin(performance.now())
    next()
  })
}
