import type { ResolvedNamespace } from './config/resolve.ts'
import type { DeliveryPolicy } from './delivery/policy.ts'

/** So that some thousand records a second make some two hundred requests. Regions are further apart than that. */
const peersLingerMs = 5

/** A region that answers nothing must not hold up the others for as long as an apply may take, also not after a crash, in ms. */
const peersAloneForMs = 1_000

/** What a namespace's options mean for the delivery to one of its targets. */
export function deliveryPolicyOf(config: ResolvedNamespace, target: string): DeliveryPolicy {
  const { retry, batch, breaker, limits, replication, deadLetters } = config
  const isOfPeer = peerOf(config, target) !== undefined
  return {
    order: config.order,
    onDeadLetter: config.onDeadLetter,
    retry: {
      maxAttempts: retry.maxAttempts,
      minDelayMs: retry.minDelay,
      maxDelayMs: retry.maxDelay,
    },
    batch: {
      maxRecords: batch.maxRecords,
      maxBytes: batch.maxBytes,
      lingerMs: batch.linger ?? (isOfPeer ? peersLingerMs : 0),
    },
    concurrency: config.concurrency,
    applyTimeoutMs: config.applyTimeout,
    breaker: {
      failures: breaker.failures,
      minOpenMs: breaker.minOpen,
      maxOpenMs: breaker.maxOpen,
    },
    rateLimit: config.rateLimit,
    aloneForMs: isOfPeer ? peersAloneForMs : undefined,
    catchUp: isOfPeer ? replication?.catchUp : undefined,
    held: { maxRecords: limits.heldRecords, maxBytes: limits.heldBytes },
    heldForMs: limits.heldFor,
    // What a peer has sent that is ahead must not keep this region from applying its own.
    parksHeld: replication !== undefined && !isOfPeer && deadLetters !== 'off',
  }
}

/** The region that the target is in; undefined for one of this region. */
export function peerOf({ replication }: ResolvedNamespace, target: string): string | undefined {
  for (const [peer, { targets }] of replication?.peers ?? []) {
    if (targets.includes(target)) return peer
  }
  return undefined
}
