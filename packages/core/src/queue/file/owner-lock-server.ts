import { createServer, type Server } from 'node:net'

/** Listens on a path, in this process itself, without keeping it alive. */
export async function listenOn(path: string): Promise<Server> {
  // Whoever connects only wants to know whether somebody listens.
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // A cluster worker would otherwise have its primary listen, one socket for all workers.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // Too many open files, say: the connection waits in the kernel, which is all that is needed.
  server.on('error', () => {})
  server.unref()
  return server
}

/** Stops listening, and removes the path. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
