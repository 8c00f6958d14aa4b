import { checkIsOptions } from '../config/option-names.ts'
import type { NamespaceOptions, TransactionsOptions } from '../config/options.ts'

/** Options of {@link multiPartitionMutation}. */
export interface MultiPartitionMutationOptions<
  P,
  Name extends string,
  Input = P,
  Order extends 'key' | 'none' = 'key',
> extends Omit<NamespaceOptions<P, Name, Input, Order>, 'persona' | 'transactions'> {
  /** How large transactions may be, and where they wait. Default: where the queue keeps them. */
  readonly transactions?: TransactionsOptions | undefined
}

/**
 * Persona: many mutations, of any number of keys and targets, all or nothing, in sequence
 * (`namespace.transaction`). For a table and its index tables, a bulk delete, an order with its stock. Plain
 * writes keep their order with transactions of the same keys.
 *
 * Targets should be idempotent by version or id: a mutation may reach one of them twice.
 */
export function multiPartitionMutation<
  P,
  const Name extends string,
  Input = P,
  const Order extends 'key' | 'none' = 'key',
>(
  options: MultiPartitionMutationOptions<P, Name, Input, Order>,
): NamespaceOptions<P, Name, Input, NoInfer<Order>> {
  checkIsOptions('multiPartitionMutation', options)
  const { transactions = {}, ...rest } = options
  return { ...rest, transactions, persona: 'multiPartitionMutation' }
}
