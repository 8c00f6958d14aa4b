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
  readonly deliveries: DeliveryBudget

  constructor(name: string, { inFlightBytes, concurrency }: ParsedShard) {
    this.name = name
    this.writes = new WriteBudget(`shard '${name}'`, inFlightBytes)
    this.deliveries = new DeliveryBudget({ concurrency, bytes: inFlightBytes })
  }
}
