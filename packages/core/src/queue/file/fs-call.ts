import fs from 'node:fs'

/**
 * Calls the function of `fs` that has this name, without a `FileHandle` in between. Rejects with
 * the system's own error.
 */
export function fsCall<T = void>(name: FsFunction, ...args: unknown[]): Promise<T> {
  const call = fs[name] as (...args: unknown[]) => void
  return new Promise((resolve, reject) => {
    call(...args, (error: Error | null, result: T) => (error ? reject(error) : resolve(result)))
  })
}

type FsFunction =
  | 'close'
  | 'fdatasync'
  | 'fstat'
  | 'fsync'
  | 'ftruncate'
  | 'mkdir'
  | 'open'
  | 'read'
  | 'readdir'
  | 'rename'
  | 'stat'
  | 'unlink'
  | 'writev'

/** Tells a file or directory from every other: numbers of inodes are used again, but not with the same time of birth. */
export async function identityOf(file: string | number): Promise<string> {
  const name = typeof file === 'string' ? 'stat' : 'fstat'
  const stats = await fsCall<fs.BigIntStats>(name, file, { bigint: true })
  return `${stats.dev}:${stats.ino}:${stats.birthtimeNs}`
}
