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
export const diskLoop: Contestant = loop('node loop', 0, (fd, done) => fdatasync(fd, done))

/** The same with a descriptor that writes and syncs in one call. */
export const dsyncLoop: Contestant = loop('O_DSYNC loop', flags.O_DSYNC, (_, done) => done(null))

/** What follows a write to make it lasting. */
type Sync = (fd: number, done: (error: Error | null) => void) => void

function loop(name: string, openFlags: number, sync: Sync): Contestant {
  return {
    name,
    async run({ directory, meter, payloadBytes, groupRecords }) {
      const path = join(directory, 'file')
      await makeFileOfZeros(path)
      const file = await open(path, flags.O_RDWR | openFlags)
      try {
        const records = Math.max(1, Math.round(groupRecords))
        await writeGroups({ file, meter, records, payloadBytes, sync })
      } finally {
        await file.close()
      }
      return undefined
    },
  }
}

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
}

/** Callbacks all the way: promises would cost this loop time that is not the disk's. */
function writeGroups({ file, meter, records, payloadBytes, sync }: Groups): Promise<void> {
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
      if (position + group.length > fileBytes) position = 0
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
