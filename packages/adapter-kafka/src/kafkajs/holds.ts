import type { KafkaPlace } from '../kafka-client.ts'
import { nameOf } from '../places.ts'

/** A partition that is full is waited for so long before it is paused, in ms. */
const longestHoldMs = 100

/**
 * Partitions that had no more room after their last batch. The client fetches anew once all batches of a
 * fetch have been taken, so to take one late holds it up for as long as it takes to make room. To pause costs
 * more: with all partitions paused the client sleeps for as long as a fetch may wait.
 */
export class Holds {
  /** The partition whose batch is being taken. */
  #taking = ''
  #isFull = false
  /** By partition: ends the wait; true for room. */
  readonly #waits = new Map<string, (isReleased: boolean) => void>()

  /** Takes a batch; true if its partition was full then. */
  during(place: KafkaPlace, take: () => void): boolean {
    this.#taking = nameOf(place)
    this.#isFull = false
    take()
    this.#taking = ''
    return this.#isFull
  }

  /** True if that is left to who takes the batch. */
  hold(place: KafkaPlace): boolean {
    const isTaken = nameOf(place) === this.#taking
    this.#isFull ||= isTaken
    return isTaken
  }

  /** Resolves once there is room, or it has taken too long. */
  isReleased(place: KafkaPlace): Promise<boolean> {
    return new Promise((resolve) => {
      const name = nameOf(place)
      const end = (isReleased: boolean): void => {
        clearTimeout(timer)
        this.#waits.delete(name)
        resolve(isReleased)
      }
      const timer = setTimeout(end, longestHoldMs, false)
      this.#waits.set(name, end)
    })
  }

  /** There is room. False if nobody waits for that. */
  release(place: KafkaPlace): boolean {
    const end = this.#waits.get(nameOf(place))
    end?.(true)
    return end !== undefined
  }

  /** Nothing is read any more. */
  releaseAll(): void {
    for (const end of [...this.#waits.values()]) end(true)
  }
}
