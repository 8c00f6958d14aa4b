import { dirname } from 'node:path'
import { diskError } from './file-queue-error.ts'
import type { File, FileSystem } from './file-system.ts'
import { encodeSegmentHeader, type SegmentHeader } from './segment-header.ts'

/**
 * Makes a segment, and makes it lasting: its header synced, then its name. Where that fails the
 * file is removed if it can be, but may turn up after a crash, whole or in parts; so the number
 * must not be used again. Rejects with a `WalError`.
 */
export async function createSegment(
  fileSystem: FileSystem,
  path: string,
  header: SegmentHeader,
): Promise<File> {
  let file: File | undefined
  try {
    file = await fileSystem.create(path)
    await file.write(encodeSegmentHeader(header), 0)
    await file.sync()
    await fileSystem.syncDirectory(dirname(path))
    return file
  } catch (cause) {
    if (file) {
      await file.close().catch(() => {})
      await fileSystem.remove(path).catch(() => {})
    }
    throw diskError('create', path, cause)
  }
}
