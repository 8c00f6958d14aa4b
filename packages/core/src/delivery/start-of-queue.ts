import type { Clock } from '../clock.ts'
import type { Delivery, Watermark } from '../consumer/consumer.ts'
import { deadLetterId } from '../dlq/dlq.ts'
import type { Alarms } from './alarms.ts'
import { leastSilenceMs } from './drain.ts'

/** What was in the queue, and in its dead letters, when delivery began. */
export interface Start {
  /** Covers what was delayed, too: a record may come before one that was due when it was not. */
  readonly end: Watermark
  /** Counts what was due. Neither a redriven copy nor what has been handed out before is delayed. */
  readonly due: Watermark
  /** Versions of the letters of this target, by id. */
  readonly letters: ReadonlyMap<string, bigint>
}

export interface StartOfQueueOptions {
  readonly targetName: string
  readonly clock: Clock
  readonly alarms: Alarms
  /** True while none is under way, nor could be. */
  isQuiet(): boolean
  /** How many records are here of those asked for. */
  countHere(covers: (delivery: Delivery) => boolean): number
  /** What was in the queue at the start has come: nothing of it is still to come. */
  onRead(): void
}

/** Longest wait before a queue is asked again that cannot tell what is left of it, in ms. */
const againMs = 10_000

/**
 * Up to the end that the queue had at the start, the records of letters may come again: where a
 * power cut took the ack and not the letter. They are dead already. Behind it none does, and the
 * letters are forgotten. A queue that cannot tell how much is left has been read once nothing has come for as
 * long as it says.
 */
export class StartOfQueue {
  readonly #options: StartOfQueueOptions
  /** Undefined once it has been read, and where there was no letter. */
  #start: Start | undefined
  #isAsking = false
  /** Since when nothing has come, by the monotonic clock. */
  #silentSince = 0
  #isWaiting = false

  constructor(options: StartOfQueueOptions) {
    this.#options = options
  }

  /** False while a record of a letter may come again. */
  get isRead(): boolean {
    return this.#start === undefined
  }

  begin(start: Start): void {
    if (start.letters.size === 0) return
    this.#start = start
    this.#silentSince = this.#options.clock.monotonic()
    this.changed()
  }

  /** A record came, and this answers whether its letter was there before it. */
  isDead(delivery: Delivery): boolean {
    if (this.#start === undefined) return false
    this.#silentSince = this.#options.clock.monotonic()
    // The queue hands out in its order.
    if (!this.#start.end.covers(delivery)) {
      this.#read()
      return false
    }
    const { record } = delivery
    // Of another version it is another write, to which its caller gave the same id.
    return (
      this.#start.letters.get(deadLetterId(record, this.#options.targetName)) === record.version
    )
  }

  /** Records ended, and none is under way: where nothing is written any more, no later record tells. */
  changed(): void {
    if (this.#start === undefined || this.#isAsking) return
    this.#isAsking = true
    void this.#ask(this.#start).finally(() => {
      this.#isAsking = false
    })
  }

  async #ask({ due }: Start): Promise<void> {
    try {
      const remaining = await due.remaining()
      if (this.#start === undefined) return
      if (remaining === undefined) return await this.#askForSilence(due)
      if (remaining <= this.#options.countHere((delivery) => due.covers(delivery))) this.#read()
    } catch {
      // The next look may tell, or a later record.
    }
  }

  async #askForSilence(due: Watermark): Promise<void> {
    const { alarms, clock, isQuiet } = this.#options
    const silenceMs = Math.max(leastSilenceMs, (await due.silenceMs?.()) ?? 0)
    const leftMs = this.#silentSince + silenceMs - clock.monotonic()
    if (this.#start === undefined || !isQuiet()) return
    if (leftMs <= 0) this.#read()
    else if (!this.#isWaiting) {
      this.#isWaiting = true
      alarms.set(Math.min(leftMs, againMs), () => {
        this.#isWaiting = false
        this.changed()
      })
    }
  }

  #read(): void {
    this.#start = undefined
    this.#options.onRead()
  }
}
