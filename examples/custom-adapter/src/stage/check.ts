import { isDeepStrictEqual } from 'node:util'
import type { Order } from '../order.ts'

/** Each finding is a sentence; the shop is right if there is none. */
export interface Findings {
  /** Orders that were called saved, and are not at the shop. */
  readonly lost: readonly string[]
  /** Orders that are not as they were last written. */
  readonly outdated: readonly string[]
  /** Orders that nobody saved. */
  readonly uncalledFor: readonly string[]
}

/** Holds the shop against what was last called saved, whole, and the other way round. */
export function checkShop(
  held: ReadonlyMap<string, Order>,
  saved: ReadonlyMap<string, Order>,
): Findings {
  const lost = [...saved.keys()].filter((key) => !held.has(key))
  const outdated = [...saved].flatMap(([key, order]) => {
    const one = held.get(key)
    if (one === undefined || isDeepStrictEqual(one, order)) return []
    return [`${key} is ${JSON.stringify(one)}, and was last written as ${JSON.stringify(order)}`]
  })
  const uncalledFor = [...held.keys()].filter((key) => !saved.has(key))
  return {
    lost: lost.map((key) => `${key} is not at the shop`),
    outdated,
    uncalledFor: uncalledFor.map((key) => `${key} is at the shop, and nobody saved it`),
  }
}
