import { connect, createServer, type Server, type Socket } from 'node:net'
import { host } from '../server.ts'
import { Pipe, type Weather } from './pipe.ts'

/** The way that bytes go: `up` from client to server, `down` back. */
export type Direction = 'up' | 'down'

/** Where the server behind a proxy listens. A `Service` is one. */
export interface Upstream {
  readonly host: string
  readonly port: number
}

/**
 * A proxy on the loopback address, in this process, that does to connections what networks do to
 * them. It passes bytes as they are, and starts with fair weather. Everything may be changed while
 * connections are open, and holds for these too.
 */
export interface TcpProxy extends AsyncDisposable {
  /** Where clients connect. It stays the same, also over {@link refuse}. */
  readonly host: string
  readonly port: number
  /** `host:port`. */
  readonly address: string
  /** How many connections clients have through it. */
  readonly connections: number
  /** Bytes that have arrived at the other end. */
  readonly passed: Readonly<Record<Direction, number>>
  /** Connects new clients to another server. */
  to(upstream: Upstream): void
  /** Bytes arrive so many milliseconds late. Default: both ways. */
  delay(ms: number, ...directions: readonly Direction[]): void
  /** At most so many bytes arrive in a second, on each connection. */
  limit(bytesPerSecond: number, ...directions: readonly Direction[]): void
  /**
   * Nothing arrives any more, and nobody is told: connections are accepted and stay open, and an end
   * of one side is not heard of at the other, as behind a cable that was pulled. Bytes wait, as TCP
   * would send them again, and arrive after {@link heal}. One direction alone is a half-open network.
   */
  hold(...directions: readonly Direction[]): void
  /** Ends all connections with a reset, at both ends. New ones are taken as before. */
  cut(): void
  /** Refuses new connections, as a port does where nobody listens; {@link cut} ends the old ones. */
  refuse(): void
  /** Fair weather: takes connections, and lets all that waits go on, at once and undelayed. */
  heal(): Promise<void>
  /** Cuts all and stops listening, for good. */
  close(): Promise<void>
}

/** Opens a proxy in front of a server, which may also be named later, with `to`. */
export async function tcpProxy(upstream?: Upstream): Promise<TcpProxy> {
  const proxy = new OpenProxy(upstream)
  await proxy.heal()
  return proxy
}

const both: readonly Direction[] = ['up', 'down']

class OpenProxy implements TcpProxy {
  readonly host: string = host
  readonly passed = { up: 0, down: 0 }
  readonly #weather: Record<Direction, Weather> = { up: {}, down: {} }
  readonly #links = new Set<Link>()
  #upstream: Upstream | undefined
  #listener: Server | undefined
  #port = 0

  constructor(upstream: Upstream | undefined) {
    this.#upstream = upstream
  }

  get port(): number {
    return this.#port
  }

  get address(): string {
    return `${host}:${this.#port}`
  }

  get connections(): number {
    return this.#links.size
  }

  to(upstream: Upstream): void {
    this.#upstream = upstream
  }

  delay(ms: number, ...directions: readonly Direction[]): void {
    this.#change({ delayMs: ms }, directions)
  }

  limit(bytesPerSecond: number, ...directions: readonly Direction[]): void {
    this.#change({ bytesPerSecond }, directions)
  }

  hold(...directions: readonly Direction[]): void {
    this.#change({ held: true }, directions)
  }

  cut(): void {
    for (const link of this.#links) link.cut()
  }

  refuse(): void {
    this.#listener?.close()
    this.#listener = undefined
  }

  async heal(): Promise<void> {
    for (const direction of both) this.#weather[direction] = {}
    for (const link of this.#links) link.change(this.#weather)
    if (this.#listener !== undefined) return
    const accept = (client: Socket): void => this.#accept(client)
    const options = { allowHalfOpen: true, noDelay: true }
    this.#listener = await listenSomewhere(() => createServer(options, accept), this.#port)
    this.#port = (this.#listener.address() as { port: number }).port
  }

  async close(): Promise<void> {
    this.refuse()
    this.cut()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #change(change: Weather, directions: readonly Direction[]): void {
    for (const direction of directions.length === 0 ? both : directions) {
      this.#weather[direction] = { ...this.#weather[direction], ...change }
    }
    for (const link of this.#links) link.change(this.#weather)
  }

  #accept(client: Socket): void {
    if (this.#upstream === undefined) {
      client.resetAndDestroy()
      return
    }
    // Read one by one: a service's port is a getter of its class, which a spread leaves out.
    const { host: upstreamHost, port } = this.#upstream
    const server = connect({ host: upstreamHost, port, allowHalfOpen: true, noDelay: true })
    const count = (direction: Direction) => (bytes: number) => {
      this.passed[direction] += bytes
    }
    const link = new Link(
      new Pipe(client, server, count('up')),
      new Pipe(server, client, count('down')),
      () => this.#links.delete(link),
    )
    this.#links.add(link)
    link.change(this.#weather)
  }
}

// Below the ports that a system hands out by itself, so that a port is still free after a refusal.
const firstPort = 18_000
const ports = 1_000
let nextPort = Math.floor(Math.random() * ports)

/** Listens at the port, or, where it is 0, at the next one that is free. */
async function listenSomewhere(create: () => Server, port: number): Promise<Server> {
  for (let tries = 1; ; tries++) {
    const listener = create()
    try {
      const somewhere = firstPort + (nextPort++ % ports)
      await new Promise<void>((resolve, reject) => {
        listener.once('error', reject).listen(port === 0 ? somewhere : port, host, resolve)
      })
      return listener
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!isTaken || port !== 0 || tries === ports) throw error
    }
  }
}

/** One client's connection: a pipe each way. */
class Link {
  readonly #up: Pipe
  readonly #down: Pipe

  constructor(up: Pipe, down: Pipe, onEnd: () => void) {
    this.#up = up
    this.#down = down
    let open = 2
    const ended = (): void => {
      open--
      if (open === 0) onEnd()
    }
    up.onEnd(ended)
    down.onEnd(ended)
  }

  change(weather: Readonly<Record<Direction, Weather>>): void {
    this.#up.change(weather.up)
    this.#down.change(weather.down)
  }

  cut(): void {
    this.#up.cut()
    this.#down.cut()
  }
}
