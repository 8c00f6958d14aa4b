import type { RecordsEvent, TargetPlace, WalEvents } from '@daybook/core'
import { figure } from '@daybook/example-stage'

/** Anything whose events can be listened to as those of a wal. */
interface EventSource {
  on<Name extends keyof WalEvents>(event: Name, listener: WalEvents[Name]): unknown
}

/** What has become of the changes at one consumer. */
export interface Tally {
  /** Done with: applied, or superseded. */
  done: number
  /** Attempts that failed and were spent. */
  spent: number
  deadLettered: number
  /** Times that delivery stopped because the consumer was down, and because it asked for less. */
  down: number
  throttled: number
}

/** Adds up, for each consumer, what wals tell of it. */
export class Progress {
  readonly #tallies = new Map<string, Tally>()

  of(target: string): Tally {
    const known = this.#tallies.get(target)
    if (known !== undefined) return known
    const tally = { done: 0, spent: 0, deadLettered: 0, down: 0, throttled: 0 }
    this.#tallies.set(target, tally)
    return tally
  }

  /** Listens from now on. */
  follow(wal: EventSource): void {
    const done = ({ target, records }: RecordsEvent): void => {
      this.of(target).done += records.length
    }
    wal.on('applied', done)
    wal.on('superseded', done)
    wal.on('retry', ({ target }: TargetPlace) => void this.of(target).spent++)
    wal.on('deadLettered', ({ target }) => void this.of(target).deadLettered++)
    wal.on('paused', ({ target, reason }) => {
      if (reason === 'throttled') this.of(target).throttled++
      else this.of(target).down++
    })
    // An outage is told of by the story.
    wal.on('error', () => {})
  }

  /** `library 1,200, search 1,200, partner 310`. */
  get line(): string {
    return [...this.#tallies].map(([name, { done }]) => `${name} ${figure(done)}`).join(', ')
  }
}
