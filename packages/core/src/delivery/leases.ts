import type { Entry } from './entry.ts'

interface Lease {
  readonly entries: Set<Entry>
  readonly listener: () => void
}

/**
 * Watches the leases that can be lost. Many records may share one (those of a partition), so there
 * is one listener per lease, and only while records of it are here.
 */
export class Leases {
  readonly #onLost: (entries: readonly Entry[]) => void
  readonly #leases = new Map<AbortSignal, Lease>()

  /** `onLost` is told every record of the lease that has not ended. */
  constructor(onLost: (entries: readonly Entry[]) => void) {
    this.#onLost = onLost
  }

  watch(entry: Entry): void {
    const signal = entry.delivery.lease
    if (signal === undefined) return
    const known = this.#leases.get(signal)
    if (known !== undefined) known.entries.add(entry)
    else if (signal.aborted) this.#onLost([entry])
    else {
      const lease = { entries: new Set([entry]), listener: () => this.#lost(signal) }
      this.#leases.set(signal, lease)
      signal.addEventListener('abort', lease.listener, { once: true })
    }
  }

  /** The record has ended. */
  forget(entry: Entry): void {
    const signal = entry.delivery.lease
    const lease = signal === undefined ? undefined : this.#leases.get(signal)
    if (signal === undefined || lease === undefined) return
    lease.entries.delete(entry)
    if (lease.entries.size > 0) return
    this.#leases.delete(signal)
    signal.removeEventListener('abort', lease.listener)
  }

  #lost(signal: AbortSignal): void {
    const lease = this.#leases.get(signal)
    this.#leases.delete(signal)
    if (lease !== undefined) this.#onLost([...lease.entries])
  }
}
