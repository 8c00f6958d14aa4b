import type { File } from './file-system.ts'
import type { Parts } from './parts.ts'

/** A file that can write and sync in one call to the system. */
export interface DurablyWritable extends File {
  /**
   * Like `write` and then `sync`, but only of these bytes and of what is needed to read them. After
   * a failure they may be there or not, and the kernel may take them for synced.
   */
  writeDurably(bytes: Parts, position: number): Promise<void>
}

/**
 * Writes the bytes and syncs them. In one call where the file has one: a sync of its own is begun
 * only when the event loop comes round to it, and the disk idles until then.
 */
export function writeDurably(file: File, bytes: Parts, position: number): Promise<void> {
  return isDurablyWritable(file)
    ? file.writeDurably(bytes, position)
    : writeAndSync(file, bytes, position)
}

async function writeAndSync(file: File, bytes: Parts, position: number): Promise<void> {
  await file.write(bytes, position)
  await file.sync()
}

function isDurablyWritable(file: File): file is DurablyWritable {
  return 'writeDurably' in file
}
