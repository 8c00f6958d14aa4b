import type { KafkaEntry } from '../kafka-client.ts'
import type { Fetched } from './fetching.ts'

/** What is read of one partition, up to and without an offset. */
export interface LotsOptions {
  readonly from: number
  readonly to: number
  readonly signal?: AbortSignal | undefined
  /** Asks once for what lies from an offset on; undefined where nothing came. */
  fetch(from: number): Promise<Fetched | undefined>
}

/** Lots as `KafkaReader.read` hands them out: also empty ones, each of which has gone further. */
export async function* lotsOf({
  from,
  to,
  signal,
  fetch,
}: LotsOptions): AsyncGenerator<readonly KafkaEntry[]> {
  for (let next = from; next < to && !signal?.aborted; ) {
    const fetched = await fetch(next)
    if (fetched === undefined || fetched.next <= next) continue
    next = fetched.next
    yield fetched.entries.filter(({ offset }) => offset < to)
  }
}
