import type { Parts } from './parts.ts'

/**
 * The few calls by which the file log touches a disk. Every one is a port: tests put a simulated
 * file system in its place that forgets unsynced bytes and unsynced directory entries, fills up,
 * and fails at a chosen call.
 *
 * Failures reject with the system's own error (`code` is `ENOSPC`, `EACCES`, …).
 */
export interface FileSystem {
  /** Makes the directory and its missing parents, private to their owner. */
  makeDirectory(path: string): Promise<void>
  /** Names of the entries, unordered. Rejects with `ENOENT` if there is no such directory. */
  list(path: string): Promise<readonly string[]>
  /** Creates a file that must not exist yet, for reading and writing, private to its owner. */
  create(path: string): Promise<File>
  /** Opens a file that must exist. */
  open(path: string, access: 'read' | 'read-write'): Promise<File>
  /** Replaces `to` if it exists. Lasting only after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>
  /** Lasting only after `syncDirectory`. */
  remove(path: string): Promise<void>
  /** Makes created, renamed and removed entries of the directory lasting. */
  syncDirectory(path: string): Promise<void>
}

/** What reading needs of an open file. */
export interface ReadableFile {
  /** Reads up to `into.byteLength` bytes; fewer only at the end of the file. Answers how many. */
  read(into: Uint8Array, position: number): Promise<number>
  /** In bytes. */
  size(): Promise<number>
}

/** An open file. No call may be made after `close`. */
export interface File extends ReadableFile {
  /**
   * Writes all of the bytes at the position, however many calls that takes: parts one after the
   * other. After a failure any of them may be there. They must not change until it is done.
   */
  write(bytes: Parts, position: number): Promise<void>
  /** Cuts the file off at that size, or fills it up with zeros. Lasting only after `sync`. */
  truncate(size: number): Promise<void>
  /** fdatasync: the bytes and the size are lasting once it resolves. */
  sync(): Promise<void>
  /** Gives up the file; syncs nothing. */
  close(): Promise<void>
}
