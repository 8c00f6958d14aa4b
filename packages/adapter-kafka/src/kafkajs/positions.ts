import type { KafkaPlace } from '../kafka-client.ts'
import { nameOf } from '../places.ts'

interface Position {
  next: number
  /** It was asked for a second time, since what came began behind it. */
  isAskedAgain: boolean
}

/**
 * Where each partition is read next. The client says of a batch of which nothing is passed on from where to
 * where it went, but not whether it was asked for before the last seek.
 */
export class Positions {
  readonly #positions = new Map<string, Position>()

  /** Undefined for a partition that has not been read. */
  next(place: KafkaPlace): number | undefined {
    return this.#positions.get(nameOf(place))?.next
  }

  goTo(place: KafkaPlace, next: number): void {
    this.#positions.set(nameOf(place), { next, isAskedAgain: false })
  }

  /**
   * Nothing from `first` to `last` is to be passed on. Where that begins behind the position there may be
   * something in between, which an older batch left to one that a seek has thrown away: what a second
   * asking from the position begins with is the first that is there.
   */
  passedOver(place: KafkaPlace, first: number, last: number): 'go on' | 'ask again' | 'known' {
    const position = this.#positions.get(nameOf(place))
    if (position === undefined || last < position.next) return 'known'
    if (first > position.next && !position.isAskedAgain) {
      position.isAskedAgain = true
      return 'ask again'
    }
    this.goTo(place, last + 1)
    return 'go on'
  }
}
