import type { Clock } from '@daybook/core'

/** Wait, in ms, for a server that is away: doubled each time it still is, up to the longest. */
const firstWaitMs = 1_000
const longestWaitMs = 30_000

interface Away {
  readonly waitMs: number
  /** By the monotonic clock. */
  readonly until: number
}

/** Servers that did not answer when they were tried last, and how long the records of each are to wait. */
export class AwayNodes {
  readonly #clock: Clock
  readonly #away = new Map<object, Away>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(node: object): boolean {
    return this.#away.has(node)
  }

  /** It was tried in vain. Tries before its wait is over are none that count: each batch makes one. */
  add(node: object): void {
    const before = this.#away.get(node)
    const now = this.#clock.monotonic()
    if (before !== undefined && now < before.until) return
    const waitMs = nextWaitMs(before)
    this.#away.set(node, { waitMs, until: now + waitMs })
  }

  /** It answered. */
  delete(node: object): void {
    this.#away.delete(node)
  }

  /** How long a record is to wait that is for this one, in ms. */
  waitMs(node: object): number {
    const away = this.#away.get(node)
    const leftMs = away === undefined ? 0 : away.until - this.#clock.monotonic()
    return leftMs > 0 ? Math.ceil(leftMs) : nextWaitMs(away)
  }
}

function nextWaitMs(before: Away | undefined): number {
  return before === undefined ? firstWaitMs : Math.min(before.waitMs * 2, longestWaitMs)
}
