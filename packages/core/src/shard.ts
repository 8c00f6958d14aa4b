import type { ParsedShard } from './config/schema.ts'
import { DeliveryBudget } from './delivery/budget.ts'
import { WriteBudget } from './producer/write-budget.ts'

/**
 * The budgets a group of namespaces shares. Those of another shard cannot be taken, however busy
 * this one is.
 */
export class Shard {
  readonly name: string
  readonly writes: WriteBudget
  readonly #options: ParsedShard
  /** By the other region; this one's under the empty name, which no region has. */
  readonly #deliveries = new Map<string, DeliveryBudget>()

  constructor(name: string, options: ParsedShard) {
    this.name = name
    this.writes = new WriteBudget(`shard '${name}'`, options.inFlightBytes)
    this.#options = options
  }

  /**
   * What is delivered to targets here, or to those of another region. Each region has a budget of its own: one that
   * takes connections and answers none would come to hold all of a common one.
   */
  deliveriesTo(region = ''): DeliveryBudget {
    const known = this.#deliveries.get(region)
    if (known !== undefined) return known
    const { concurrency, inFlightBytes } = this.#options
    const budget = new DeliveryBudget({ concurrency, bytes: inFlightBytes })
    this.#deliveries.set(region, budget)
    return budget
  }
}
