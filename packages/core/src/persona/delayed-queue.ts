import { checkIsOptions } from '../config/option-names.ts'
import type { NamespaceOptions } from '../config/options.ts'
import type { Duration } from '../config/quantity.ts'
import type { ApplyBatch, Target } from '../target/target.ts'

/** Options of {@link delayedQueue}. */
export interface DelayedQueueOptions<P, Input = P, Order extends 'key' | 'none' = 'none'>
  extends Omit<NamespaceOptions<P, 'target', Input, Order>, 'persona' | 'targets'> {
  /** Where records go once due. Its name in `status()` and events is `'target'`. */
  readonly target: Target<NoInfer<P>> | ApplyBatch<NoInfer<P>>
  /** How long every record waits, unless its write asks for another delay. */
  readonly delay: Duration
}

/**
 * Persona: records wait a while, then go to one target, at a bounded rate if so wished. For
 * delayed deletes, retries of failed calls, reminders. Order defaults to `'none'`.
 */
export function delayedQueue<P, Input = P, const Order extends 'key' | 'none' = 'none'>(
  options: DelayedQueueOptions<P, Input, Order>,
): NamespaceOptions<P, 'target', Input, NoInfer<Order>> {
  checkIsOptions('delayedQueue', options)
  const { target, order = 'none' as Order, ...rest } = options
  return { ...rest, order, targets: { target }, persona: 'delayedQueue' }
}
