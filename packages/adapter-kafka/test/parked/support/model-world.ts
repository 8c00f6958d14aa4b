import type { Clock, Timer } from '@daybook/core'
import { SeededRandom } from '@daybook/core/testing'

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Time, chance and a network, all of which follow from one seed. */
export class World {
  readonly random: SeededRandom
  /** Faults happen only while it is true. */
  isRough = true
  #now = 1_700_000_000_000
  #order = 0
  readonly #events: Event[] = []

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
  }

  get now(): number {
    return this.#now
  }

  after(delayMs: number, run: () => void): Event {
    const event = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run }
    let place = this.#events.length
    while (place > 0 && (this.#events[place - 1] as Event).at > event.at) place--
    this.#events.splice(place, 0, event)
    return event
  }

  cancel(event: Event): void {
    const place = this.#events.indexOf(event)
    if (place >= 0) this.#events.splice(place, 1)
  }

  /** Runs what is due within so many ms. */
  async run(forMs: number, isDone: () => boolean = () => false): Promise<void> {
    const end = this.#now + forMs
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const next = this.#events[0]
      if (next === undefined || next.at > end || isDone()) break
      this.#events.shift()
      this.#now = next.at
      next.run()
    }
    if (!isDone()) this.#now = end
  }

  chance(probability: number): boolean {
    return this.isRough && this.random.chance(probability)
  }
}

/** A process: it may stand still for a while, or die. What it has sent by then goes its way. */
export class Machine {
  readonly world: World
  readonly name: string
  isAlive = true
  #stoppedUntil = 0
  readonly clock: Clock

  constructor(world: World, name: string) {
    this.world = world
    this.name = name
    // No two clocks are the same.
    const aheadMs = world.random.integer(-20_000, 20_000)
    this.clock = {
      now: () => world.now + aheadMs,
      monotonic: () => world.now,
      setTimer: (delayMs, run): Timer => {
        const event = world.after(delayMs, () => this.reach(run))
        return { cancel: () => world.cancel(event) }
      },
    }
  }

  get isStopped(): boolean {
    return this.#stoppedUntil > this.world.now
  }

  stop(forMs: number): void {
    this.#stoppedUntil = this.world.now + forMs
  }

  /** Runs here, once the process goes on. */
  reach(run: () => void): void {
    if (!this.isAlive) return
    if (this.isStopped) this.world.after(this.#stoppedUntil - this.world.now, () => this.reach(run))
    else run()
  }

  /** Asks a broker. An error says nothing of what became of it there; if it `mayBeLate`, it may yet come. */
  ask<T>(apply: () => T, mayBeLate = false): Promise<T> {
    const { world } = this
    const { random } = world
    return new Promise((resolve, reject) => {
      const back = (run: () => void): void => {
        world.after(random.integer(0, 8), () => this.reach(run))
      }
      const isLate = mayBeLate && world.chance(0.06)
      const isLost = world.chance(0.04)
      const hasNoAnswer = world.chance(0.04)
      if (isLate || isLost || hasNoAnswer) {
        world.after(30, () => back(() => reject(new Error('No answer came.'))))
        const delayMs = isLate ? random.integer(20, 4_000) : random.integer(0, 8)
        if (!isLost) world.after(delayMs, () => void attempt(apply))
        return
      }
      world.after(random.integer(0, 8), () => {
        const result = attempt(apply)
        back(() => ('error' in result ? reject(result.error) : resolve(result.value)))
      })
    })
  }
}

function attempt<T>(apply: () => T): { readonly value: T } | { readonly error: unknown } {
  try {
    return { value: apply() }
  } catch (error) {
    return { error }
  }
}
