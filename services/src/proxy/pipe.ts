import type { Socket } from 'node:net'

/** What is done to the bytes of one direction. */
export interface Weather {
  /** How late they arrive, in ms. */
  readonly delayMs?: number
  readonly bytesPerSecond?: number
  /** Nothing arrives at all. */
  readonly held?: boolean
}

/** What has come in and not gone out: bytes, an end (`end`), or the death of the connection. */
interface Arrival {
  readonly at: number
  readonly what: Buffer | 'end' | 'reset'
}

/** So many bytes wait inside; then the sender is left to wait, as by a full window. */
const windowBytes = 1024 * 1024

/** Bytes go out in pieces of so many milliseconds' worth where their rate is limited. */
const sliceMs = 10

/**
 * One direction of a connection: reads one socket, and writes the other as the weather allows. Ends
 * and resets keep their place among the bytes, and are subject to the weather like these.
 */
export class Pipe {
  readonly #to: Socket
  readonly #from: Socket
  readonly #count: (bytes: number) => void
  readonly #arrivals: Arrival[] = []
  #weather: Weather = {}
  #waitingBytes = 0
  #freeAt = 0 // when the line has sent what it was given, at its rate
  #timer: NodeJS.Timeout | undefined
  #isFull = false // the socket's own buffer, until it says 'drain'
  #ended = false
  #tellEnd: () => void = () => {}

  constructor(from: Socket, to: Socket, count: (bytes: number) => void) {
    this.#from = from
    this.#to = to
    this.#count = count
    from.on('data', (bytes: Buffer) => this.#arrive(bytes))
    from.on('end', () => this.#arrive('end'))
    from.on('error', () => this.#arrive('reset'))
    from.on('close', () => {
      if (!from.readableEnded) this.#arrive('reset')
    })
    to.on('drain', () => {
      this.#isFull = false
      this.#pump()
    })
    to.on('close', () => this.#finish()) // nobody is left to take anything
  }

  /** Is called once, when nothing more will pass. */
  onEnd(tell: () => void): void {
    this.#tellEnd = tell
  }

  /** From now on, for what waits inside too. */
  change(weather: Weather): void {
    this.#weather = weather
    this.#freeAt = 0
    this.#pump()
  }

  /** Resets the connection at the far end, whatever waits. */
  cut(): void {
    this.#to.resetAndDestroy()
    this.#finish()
  }

  #arrive(what: Arrival['what']): void {
    if (this.#ended) return
    this.#arrivals.push({ at: performance.now(), what })
    if (typeof what !== 'string') {
      this.#waitingBytes += what.length
      if (this.#waitingBytes >= windowBytes) this.#from.pause()
    }
    this.#pump()
  }

  /** Sends what may go now, and comes back when the next may. */
  #pump(): void {
    clearTimeout(this.#timer)
    while (!this.#ended && !this.#weather.held && !this.#isFull) {
      const next = this.#arrivals[0]
      if (next === undefined) return
      const due = Math.max(next.at + (this.#weather.delayMs ?? 0), this.#freeAt)
      const waitMs = due - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(waitMs))
        return
      }
      this.#arrivals.shift()
      this.#deliver(next)
    }
  }

  #deliver({ at, what }: Arrival): void {
    if (what === 'reset') this.cut()
    else if (what === 'end') this.#end()
    else this.#send(what, at)
  }

  #end(): void {
    this.#to.end()
    this.#finish()
  }

  /** Sends bytes, or as many as the rate allows now; the rest keeps its place. */
  #send(bytes: Buffer, at: number): void {
    const { bytesPerSecond = Number.POSITIVE_INFINITY } = this.#weather
    const size = Math.min(bytes.length, Math.max(1, Math.floor((bytesPerSecond * sliceMs) / 1000)))
    if (size < bytes.length) this.#arrivals.unshift({ at, what: bytes.subarray(size) })
    this.#freeAt = performance.now() + (size * 1000) / bytesPerSecond
    this.#isFull = !this.#to.write(bytes.subarray(0, size))
    this.#count(size)
    this.#waitingBytes -= size
    if (this.#waitingBytes < windowBytes) this.#from.resume()
  }

  #finish(): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#arrivals.length = 0
    this.#tellEnd()
  }
}
