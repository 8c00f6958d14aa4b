import { dirname } from 'node:path'
import { diskError } from './file-queue-error.ts'
import type { File, FileSystem } from './file-system.ts'
import { encodeSegmentHeader, type SegmentHeader, segmentHeaderBytes } from './segment-header.ts'
import type { SpareSegment } from './segment-removal.ts'

export interface CreatedSegment {
  readonly file: File
  /** Size of the file. Behind the header it has blocks already, and in them anything. */
  readonly fileBytes: number
}

export interface CreateSegmentOptions {
  readonly fileSystem: FileSystem
  readonly path: string
  readonly header: SegmentHeader
  /**
   * A file to make it of, whose first bytes are these and are synced. Nobody else uses it then, and
   * it may be renamed. Undefined if there is none, or that cannot be done.
   */
  takeSpare(header: Uint8Array): Promise<SpareSegment | undefined>
}

/**
 * Makes a segment, and makes it lasting: its header synced, then its name. Where that fails the
 * file is removed if it can be, but may turn up after a crash, whole or in parts; so the number
 * must not be used again. Rejects with a `WalError`.
 *
 * The name is taken first, so that the file that gets it replaces nothing: not even that of another
 * owner, where the directory was lost and this one has not noticed yet.
 */
export async function createSegment(options: CreateSegmentOptions): Promise<CreatedSegment> {
  const { fileSystem, path, header, takeSpare } = options
  let file: File | undefined
  let isOurs = false
  try {
    file = await fileSystem.create(path)
    isOurs = true
    const block = encodeSegmentHeader(header)
    const spare = await takeSpare(block)
    if (spare === undefined) {
      await file.write(block, 0)
      await file.sync()
    } else {
      // Closed before its name changes, and opened after that: nobody has to know a file's new name.
      await file.close()
      file = undefined
      await fileSystem.rename(spare.path, path)
    }
    await fileSystem.syncDirectory(dirname(path))
    file ??= await fileSystem.open(path, 'read-write')
    return { file, fileBytes: spare?.fileBytes ?? segmentHeaderBytes }
  } catch (cause) {
    await file?.close().catch(() => {})
    if (isOurs) await fileSystem.remove(path).catch(() => {})
    throw diskError('create', path, cause)
  }
}
