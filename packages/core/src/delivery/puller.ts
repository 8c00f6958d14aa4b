import type { Consumer, Delivery } from '../consumer/consumer.ts'
import type { WalErrorCode } from '../errors.ts'
import type { Alarms } from './alarms.ts'
import type { Breather } from './breather.ts'

/** How much may be pulled. */
export interface Room {
  readonly maxRecords: number
  readonly maxBytes: number
}

export interface PullerOptions {
  readonly consumer: Consumer
  readonly alarms: Alarms
  readonly breather: Breather
  /** Undefined while nothing may be pulled; `poke` says that it may have changed. */
  room(): Room | undefined
  /** Ends once what was pulled may be accepted; undefined where it may be at once. Never rejects. */
  learn(signal: AbortSignal): Promise<void> | undefined
  accept(deliveries: readonly Delivery[]): void
  /** Wait before a failed pull is tried again, in ms; told how many have failed in a row. */
  backoffMs(failures: number): number
  report(code: WalErrorCode, what: string, cause: unknown): void
}

/** Wait after a pull that brought nothing although it should have waited, in ms. */
const emptyPullMs = 20

/** Pulls whenever there is room, one call at a time. */
export class Puller {
  readonly #options: PullerOptions
  readonly #stop = new AbortController()
  /** Ends the wait for room. */
  #wake: (() => void) | undefined
  #running: Promise<void> | undefined
  #waits = false
  #backsOff = false

  constructor(options: PullerOptions) {
    this.#options = options
  }

  /** True while the queue has been asked and has not answered. */
  get waitsForRecords(): boolean {
    return this.#waits
  }

  /** True while the queue is left alone because it has failed: that nothing comes says nothing of it then. */
  get backsOff(): boolean {
    return this.#backsOff
  }

  start(): void {
    this.#running = this.#run()
  }

  /** There may be room again. */
  poke(): void {
    if (this.#wake !== undefined && this.#options.room() !== undefined) this.#wake()
  }

  /** Resolves once no pull is under way and none will be. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake?.()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    let failures = 0
    while (!signal.aborted) {
      const room = this.#options.room()
      if (room === undefined) {
        await this.#untilWoken()
        continue
      }
      const deliveries = await this.#pull(room)
      failures = deliveries === undefined ? failures + 1 : 0
      if (deliveries !== undefined && deliveries.length > 0) {
        const learning = this.#options.learn(signal)
        if (learning !== undefined) await learning
        this.#options.accept(deliveries)
      } else if (!signal.aborted) await this.#pauseFor(failures)
      this.#backsOff = false
      await this.#options.breather.breathe()
    }
  }

  async #pull(room: Room): Promise<readonly Delivery[] | undefined> {
    this.#waits = true
    try {
      return await this.#options.consumer.pull({ ...room, signal: this.#stop.signal })
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        this.#options.report('ERR_IO', 'A pull failed and is tried again', error)
      }
      return undefined
    } finally {
      this.#waits = false
    }
  }

  #untilWoken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }

  #pauseFor(failures: number): Promise<void> {
    const { alarms, backoffMs } = this.#options
    const delayMs = failures === 0 ? emptyPullMs : backoffMs(failures)
    this.#backsOff = failures > 0
    return new Promise((resolve) => {
      const done = (): void => {
        alarm.cancel()
        this.#stop.signal.removeEventListener('abort', done)
        resolve()
      }
      const alarm = alarms.set(delayMs, done)
      this.#stop.signal.addEventListener('abort', done, { once: true })
    })
  }
}
