import { fdatasync, write } from 'node:fs'
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
export const diskLoop: Contestant = {
  name: 'node loop',
  async run({ directory, meter, payloadBytes, groupRecords }) {
    const file = await open(join(directory, 'file'), 'wx+')
    try {
      await fillWithZeros(file)
      await writeGroups(file.fd, meter, Math.round(groupRecords), payloadBytes)
    } finally {
      await file.close()
    }
    return undefined
  },
}

async function fillWithZeros(file: FileHandle): Promise<void> {
  const zeros = Buffer.alloc(4 * 1024 * 1024)
  for (let position = 0; position < fileBytes; position += zeros.length) {
    await file.write(zeros, 0, zeros.length, position)
  }
  await file.sync()
}

/** Callbacks all the way: promises would cost this loop time that is not the disk's. */
function writeGroups(
  fd: number,
  meter: Meter,
  groupRecords: number,
  payloadBytes: number,
): Promise<void> {
  const group = Buffer.alloc(groupRecords * payloadBytes, 7)
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
        fdatasync(fd, (syncError) => {
          if (syncError) return reject(syncError)
          meter.completed(startedAt, performance.now(), groupRecords)
          position += group.length
          next()
        })
      })
    }
    meter.begin(performance.now())
    next()
  })
}
