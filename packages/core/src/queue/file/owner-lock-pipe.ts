import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { connect } from 'node:net'
import type { OwnerLock } from './owner-lock.ts'
import { closeServer, listenOn } from './owner-lock-server.ts'

/**
 * Windows: a named pipe, named after the directory. The system lets one process make the first
 * instance of a pipe, and takes it away with that process.
 */
export async function acquirePipeLock(directory: string): Promise<OwnerLock | undefined> {
  const path = await pipeOf(directory)
  try {
    const server = await listenOn(path)
    const isHeldNow = () => server.listening
    return { isHeld: async () => isHeldNow(), isHeldNow, release: () => closeServer(server) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE' || code === 'EACCES') return undefined
    throw error
  }
}

/** True if somebody owns the directory. */
export async function isPipeLockHeld(directory: string): Promise<boolean> {
  const path = await pipeOf(directory)
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ENOENT'))
  })
}

/** Two spellings of a path lead to one real path; case does not tell two of them apart. */
async function pipeOf(directory: string): Promise<string> {
  const place = (await realpath(directory)).toLowerCase()
  const name = createHash('sha256').update(place).digest('hex')
  return `\\\\.\\pipe\\daybook-${name}`
}
