import { checkIsOptions } from '../config/option-names.ts'
import type { NamespaceOptions } from '../config/options.ts'
import type { PeerOptions, ReplicationOptions } from '../config/replication-options.ts'

/** The names of the targets of peers: a region's, or `region.target` where it has several. */
export type PeerTargetOf<Peers> = {
  readonly [R in keyof Peers & string]: Peers[R] extends {
    readonly targets: infer T extends object
  }
    ? `${R}.${keyof T & string}`
    : R
}[keyof Peers & string]

/** Options of {@link crossRegionReplication}. */
export interface CrossRegionReplicationOptions<
  P,
  Name extends string,
  Peers extends { readonly [region: string]: PeerOptions<P> },
  Input = P,
  Order extends 'key' | 'none' = 'key',
> extends ReplicationOptions<Peers>,
    Omit<
      NamespaceOptions<P, Name, Input, Order>,
      'persona' | 'replication' | 'transactions' | 'delay' | 'jitter'
    > {}

/**
 * Persona: the same keys written in several regions. What is written here is applied by `targets` and travels
 * to every peer, each with its own progress, retries and breaker: one that is down delays itself only. What
 * comes from a peer (`namespace.forward`, or the namespace's queue) is applied by `targets` and goes nowhere else.
 * The newer version wins everywhere, so that all regions end with the same.
 *
 * Targets have to guard by version, and to remember deletes for longer than a region may be away.
 *
 * @example
 * const titles = crossRegionReplication({
 *   region: { name: 'eu', number: 0 },
 *   targets: { cache: redisTarget({ client }) },
 *   peers: { us: { number: 1, target: httpTarget({ url: 'https://us.example.com/titles', batch: true }) } },
 * })
 */
export function crossRegionReplication<
  P,
  const Name extends string,
  const Peers extends { readonly [region: string]: PeerOptions<P> },
  Input = P,
  const Order extends 'key' | 'none' = 'key',
>(
  options: CrossRegionReplicationOptions<P, Name, Peers, Input, Order>,
): NamespaceOptions<P, Name | PeerTargetOf<Peers>, Input, NoInfer<Order>> {
  checkIsOptions('crossRegionReplication', options)
  const { region, peers, maxDrift, longestLag, catchUp, ...rest } = options
  const replication = { region, peers, maxDrift, longestLag, catchUp }
  // The targets of peers are put beside the others when the wal is created; they are there for types.
  const namespace = { ...rest, replication, persona: 'crossRegionReplication' }
  return namespace as unknown as NamespaceOptions<
    P,
    Name | PeerTargetOf<Peers>,
    Input,
    NoInfer<Order>
  >
}
