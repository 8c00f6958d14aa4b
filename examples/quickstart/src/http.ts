import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { isWalError } from '@daybook/core'

/** What answers `PUT films`: the name that follows in the path, and the body sent along. */
export type Route = (name: string, body: unknown) => Promise<unknown>

export interface Server {
  readonly port: number
  /** Takes no more requests, and resolves once those under way are answered. */
  close(): Promise<void>
}

/** Serves JSON over HTTP on this machine; port 0 takes a free one. */
export async function serve(
  port: number,
  routes: Readonly<Record<string, Route>>,
): Promise<Server> {
  const server = createServer((request, response) => void answer(routes, request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

async function answer(
  routes: Readonly<Record<string, Route>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const reply = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body, digits))
  }
  try {
    const [, noun = '', name = ''] = (request.url ?? '').split('/').map(decodeURIComponent)
    const route = routes[`${request.method} ${noun}`]
    if (route === undefined) return reply(404, { message: 'There is no such thing here' })
    const sent = await text(request)
    reply(200, (await route(name, sent === '' ? undefined : JSON.parse(sent))) ?? {})
  } catch (error) {
    // What failed for the moment may be sent again; what is wrong had better not.
    const status = isWalError(error) && error.retryable ? 503 : 400
    reply(status, { message: error instanceof Error ? error.message : String(error) })
  }
}

/** Versions are 64-bit integers, too large for a number in JSON. */
function digits(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
