import type { NamespaceOptions } from '../config/options.ts'

/** Options of {@link fanOut}. */
export type FanOutOptions<P, Name extends string, Input = P> = Omit<
  NamespaceOptions<P, Name, Input>,
  'persona'
>

/**
 * Persona: every record goes to each of several targets, which progress apart. For dual writes, a
 * store with its search index, or one store with its caches.
 *
 * Targets should be idempotent by version or id: a record may reach one of them twice.
 */
export function fanOut<P, const Name extends string, Input = P>(
  options: FanOutOptions<P, Name, Input>,
): NamespaceOptions<P, Name, Input> {
  return { ...options, persona: 'fanOut' }
}
