import { checkIsOptions } from '../config/option-names.ts'
import type { NamespaceOptions } from '../config/options.ts'

/** Options of {@link fanOut}. */
export type FanOutOptions<
  P,
  Name extends string,
  Input = P,
  Order extends 'key' | 'none' = 'key',
> = Omit<NamespaceOptions<P, Name, Input, Order>, 'persona'>

/**
 * Persona: every record goes to each of several targets, which progress apart. For dual writes, a
 * store with its search index, or one store with its caches.
 *
 * Targets should be idempotent by version or id: a record may reach one of them twice.
 */
export function fanOut<
  P,
  const Name extends string,
  Input = P,
  const Order extends 'key' | 'none' = 'key',
>(options: FanOutOptions<P, Name, Input, Order>): NamespaceOptions<P, Name, Input, NoInfer<Order>> {
  checkIsOptions('fanOut', options)
  return { ...options, persona: 'fanOut' }
}
