import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { waitUntil } from './wait-until.ts'

/**
 * Does something that only one process may do at a time. The lock is the one that SQLite puts on a
 * file: the kernel gives it back with the process, however that ends, so that none is ever stale.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true })
  const file = new DatabaseSync(path, { timeout: 0 })
  try {
    const held = await waitUntil(() => tryLock(file), 10 * 60_000)
    if (!held) throw new Error(`${path} is locked by another process, for ten minutes now.`)
    return await work()
  } finally {
    file.close()
  }
}

/**
 * The same lock, held until the function it answers is called, or the process ends; undefined where
 * somebody has it already.
 */
export function lockNow(path: string): (() => void) | undefined {
  mkdirSync(dirname(path), { recursive: true })
  const file = new DatabaseSync(path, { timeout: 0 })
  if (tryLock(file)) return () => file.close()
  file.close()
  return undefined
}

const busy = 5 // SQLITE_BUSY

function tryLock(file: DatabaseSync): boolean {
  try {
    file.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if ((error as { errcode?: number }).errcode === busy) return false
    throw error
  }
}
