import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as the application has received it. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** What the application answers. An object as its body is sent as JSON. */
export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | object
}

/** Answers a request; undefined leaves it without one, until it is cut. */
export type Handler = (request: Received) => Reply | undefined | Promise<Reply | undefined>

/** A real HTTP server on the loopback address that answers as a test wants. */
export class Application implements AsyncDisposable {
  readonly received: Received[] = []
  handle: Handler
  readonly #server: Server
  readonly #waiting = new Set<ServerResponse>()

  constructor(handle: Handler = () => ({ status: 204 })) {
    this.handle = handle
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(handle?: Handler, port = 0): Promise<Application> {
    const application = new Application(handle)
    application.#server.listen(port, '127.0.0.1')
    await once(application.#server, 'listening')
    return application
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  url(path = '/'): string {
    return `http://${this.host}${path}`
  }

  /** Breaks the connections of those that wait without an answer. */
  cutWaiting(): void {
    for (const response of this.#waiting) response.destroy()
    this.#waiting.clear()
  }

  /** Breaks every connection, and takes no new one. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received = await readRequest(request)
    if (received === undefined) return
    this.received.push(received)
    const reply = await this.handle(received)
    if (reply === undefined) {
      this.#waiting.add(response)
      return
    }
    const { status, headers = {}, body = '' } = reply
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const type = typeof body === 'string' ? {} : { 'content-type': 'application/json' }
    response.writeHead(status, { ...type, ...headers }).end(text)
  }
}

/** Undefined for one that is broken off by its sender. */
async function readRequest(request: IncomingMessage): Promise<Received | undefined> {
  const parts: Buffer[] = []
  try {
    for await (const part of request) parts.push(part as Buffer)
  } catch {
    return undefined
  }
  const { method = '', url: path = '', headers } = request
  return { method, path, headers, text: Buffer.concat(parts).toString() }
}
