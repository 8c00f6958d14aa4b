import { checkOptionNames, checkPath } from '../../config/option-names.ts'
import type { Size } from '../../config/quantity.ts'
import type { FileSystem } from './file-system.ts'
import type { AcquireLock } from './owner-lock.ts'

/** Options of `fileQueue`. */
export interface FileQueueOptions {
  /** This queue's own directory. Default: one named after the namespace, in the wal's `directory`. */
  readonly directory?: string | undefined
  /**
   * The next segment file is begun once one has so many bytes; at most 1 GiB. Default `'64mb'`, or an
   * eighth of what the namespace's retention keeps, if that is less, but 1 MiB at least.
   */
  readonly segmentBytes?: Size | undefined
  /** Records share a write and a sync up to about so many bytes. Default `'8mb'`. */
  readonly maxGroupBytes?: Size | undefined
  /**
   * True: also on NFS, SMB or a file system in user space, where only the processes of this machine
   * are kept apart. Default false: such a directory is refused with `ERR_DIRECTORY_UNSUITABLE`.
   */
  readonly allowNetworkFileSystem?: boolean | undefined
  /**
   * For tests: delayed records kept in memory, per target, before they are written to a file of their
   * own. Default 32,768, which is about 1 MiB.
   */
  readonly scheduleRecords?: number | undefined
  /**
   * For tests: what the newest records may take of memory, in bytes, for targets that keep up. Default 8 MiB;
   * 0: all of them are read from the files.
   */
  readonly recentBytes?: number | undefined
  /** For tests: where the files are. */
  readonly fileSystem?: FileSystem | undefined
  /** For tests: what keeps a second owner out. */
  readonly lock?: AcquireLock | undefined
}

const names: readonly (keyof FileQueueOptions)[] = [
  'directory',
  'segmentBytes',
  'maxGroupBytes',
  'allowNetworkFileSystem',
  'scheduleRecords',
  'recentBytes',
  'fileSystem',
  'lock',
]

/** Throws `ConfigError` for what is no object of options, and for one that is unknown. */
export function checkFileQueueOptions(options: FileQueueOptions): void {
  checkOptionNames('fileQueue', options, names)
  if (options.directory !== undefined) checkPath('fileQueue.directory', options.directory)
}
