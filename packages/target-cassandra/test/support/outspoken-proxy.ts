import { connect, createServer, type Server } from 'node:net'
import type { Service } from '@daybook/services'

/** Length of the head of a frame of protocol version 4, in bytes, and where its opcode and length are. */
const headBytes = 9
const opcodeAt = 4
const lengthAt = 5
const startup = 1

/**
 * Stands before a node and has it say `overloaded` where it would only read more slowly: it adds to each
 * connection's STARTUP the option by which drivers ask for that, as this one does not.
 */
export async function outspokenProxy({
  host,
  port,
}: Pick<Service, 'host' | 'port'>): Promise<
  { readonly host: string; readonly port: number } & AsyncDisposable
> {
  const sockets = new Set<{ destroy(): unknown }>()
  const server: Server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host, port, noDelay: true })
    sockets.add(client).add(upstream)
    let isStarting = true
    client.on('data', (bytes) => {
      const isStartup = isStarting && bytes[opcodeAt] === startup
      if (isStartup) isStarting = false
      upstream.write(isStartup ? withOption(bytes, 'THROW_ON_OVERLOAD', '1') : bytes)
    })
    upstream.pipe(client)
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port: own } = server.address() as { port: number }
  return {
    ...{ host, port: own },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A STARTUP frame with one more entry in its map. */
function withOption(frame: Buffer, name: string, value: string): Buffer {
  const entry = Buffer.concat([name, value].map(shortString))
  const head = Buffer.from(frame.subarray(0, headBytes))
  head.writeUInt32BE(frame.readUInt32BE(lengthAt) + entry.length, lengthAt)
  const count = Buffer.alloc(2)
  count.writeUInt16BE(frame.readUInt16BE(headBytes) + 1)
  return Buffer.concat([head, count, frame.subarray(headBytes + 2), entry])
}

function shortString(text: string): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text)])
}
