import { link, rm } from 'node:fs/promises'
import type { Server } from 'node:net'
import { connect } from 'node:net'
import { closeServer, listenOn } from './owner-lock-server.ts'

/** A name at which this process is heard. */
export interface Listener {
  /** False once nobody listens there any more. */
  readonly listening: boolean
  /** Removes the name. Whoever connected to it before has been answered. */
  close(): Promise<void>
}

/** One listening socket, and the names it has. It is closed with the last of them. */
interface Socket {
  readonly server: Server
  readonly paths: Set<string>
  /** Names it has, and those being made. */
  users: number
}

const sockets = new Set<Socket>()

/**
 * Listens at a path, which must not exist yet; rejects with the system's error if it does.
 *
 * A process needs but one socket for a thousand directories: a socket's file can have several names,
 * as any other file. Each is answered as long as the socket is listened on. Where a link cannot be
 * had (another file system, one without links, or too many of them), it listens on a new socket.
 */
export async function listenAt(path: string): Promise<Listener> {
  for (const socket of sockets) {
    if (await addName(socket, path)) return listenerOf(socket, path)
  }
  const socket = { server: await listenOn(path), paths: new Set([path]), users: 1 }
  sockets.add(socket)
  return listenerOf(socket, path)
}

/** Whether somebody listens at the path. Whatever is not a plain refusal counts as an answer. */
export function ask(path: string): Promise<'alive' | 'dead' | 'gone'> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve('alive')
    })
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED') resolve('dead')
      else resolve(code === 'ENOENT' ? 'gone' : 'alive')
    })
  })
}

/** False if it cannot be had; nothing is left of it then. */
async function addName(socket: Socket, path: string): Promise<boolean> {
  socket.users += 1
  try {
    const [name] = socket.paths
    if (name === undefined) throw new Error('The socket is being closed.')
    await link(name, path)
  } catch {
    await leave(socket)
    return false
  }
  // Not to be taken for granted on every file system, and nothing may rest on a name that is not.
  if ((await ask(path)) === 'alive') {
    socket.paths.add(path)
    return true
  }
  await rm(path, { force: true })
  await leave(socket)
  return false
}

function listenerOf(socket: Socket, path: string): Listener {
  let closed: Promise<void> | undefined
  return {
    get listening() {
      return closed === undefined && socket.server.listening
    },
    close() {
      closed ??= rm(path, { force: true }).then(() => {
        socket.paths.delete(path)
        return leave(socket)
      })
      return closed
    },
  }
}

async function leave(socket: Socket): Promise<void> {
  socket.users -= 1
  if (socket.users > 0) return
  sockets.delete(socket)
  await closeServer(socket.server)
}
