import { WalError } from '../errors.ts'
import type { SendOutcome } from '../producer/producer.ts'
import type { StoredRecord } from '../record.ts'
import { encodeMarker, type Marker, markerRecord } from './marker.ts'
import { lotsIn } from './mutation-format.ts'
import { chunksOf } from './transaction-reading.ts'
import { isUnderWay, type MarkerNote, type TransactionHead } from './transaction-store.ts'
import { type Sealed, type TransactionWriterOptions, tooLarge } from './transaction-writer.ts'

export interface MarkersContext
  extends Pick<
    TransactionWriterOptions,
    'namespace' | 'store' | 'changes' | 'clock' | 'namesKeys' | 'versions'
  > {
  /** True where the store is the queue's, and this process alone uses it. */
  readonly ownsStore: boolean
  readonly origin: string
  readonly largestMarkerBytes: number
  /** How long the queue hands out what it was sent, in ms; Infinity where it does not tell. */
  readonly handsOutForMs: number
  send(record: StoredRecord): Promise<SendOutcome>
}

/** What came of sending a marker, and the version that it carried. */
export type MarkerOutcome = SendOutcome & { readonly version: bigint }

/** Where others may be about to send it, a marker is sent once its transaction has been sealed so long, in ms. */
const sealedForMs = 120_000

/** Where others may be sending it, or nobody knows whether it was taken, it is sent once more after so long, in ms. */
const sendingForMs = 600_000

/**
 * Sends the markers of sealed transactions, and notes in their heads that they were sent. That is noted by the
 * next sweep, as most transactions are applied by then: it costs them nothing.
 */
export class Markers {
  readonly #context: MarkersContext
  readonly #openedAt: number
  /** Taken by the queue, and not noted yet, by id. */
  readonly #sent = new Map<string, { readonly at: number; readonly version: bigint }>()

  constructor(context: MarkersContext) {
    this.#context = context
    this.#openedAt = context.clock.now()
  }

  /** Throws if the queue would not take it. */
  check({ marker }: Sealed): void {
    const { namespace, largestMarkerBytes } = this.#context
    const { byteLength } = marker
    if (byteLength <= largestMarkerBytes) return
    throw tooLarge(
      namespace,
      `keys of ${byteLength} bytes; the queue takes ${largestMarkerBytes} in one record`,
    )
  }

  async send({ head, marker, keys }: Sealed): Promise<MarkerOutcome> {
    const record = this.#record(head, marker, keys)
    const outcome = await this.#context.send(record)
    const { version } = record
    if (outcome.durable === 'yes') {
      this.#sent.set(head.id, { at: this.#context.clock.now(), version })
    }
    return { ...outcome, version }
  }

  /** The version of its marker, if that is known to be in the queue. */
  sentVersion({ id, version, marker }: TransactionHead): bigint | undefined {
    const sent = this.#sent.get(id)?.version
    if (sent !== undefined) return sent
    if (!this.#isSent(marker)) return undefined
    return version ?? BigInt(marker?.version ?? 0)
  }

  /**
   * Sees to it that the marker of a sealed transaction is in the queue, once: notes that this process has sent it,
   * or sends it where nobody has. Rejects if that fails.
   */
  async lookAfter(head: TransactionHead): Promise<void> {
    if (this.#isSent(head.marker)) return
    if (this.#sent.has(head.id)) return this.#noteSent(head)
    if (!this.#isLeftOut(head)) return
    const outcome = await this.sendAgain(head)
    if (outcome === undefined || outcome.durable === 'yes') return
    throw outcome.error ?? notStored(head.id)
  }

  /**
   * For one that was sealed, and whose marker may not be in the queue. That is noted before: of several processes one does
   * it. Undefined if others have changed the head. Rejects where the store fails.
   */
  async sendAgain(head: TransactionHead): Promise<MarkerOutcome | undefined> {
    const noted = await this.#note(head, { state: 'sending', isRepeat: true })
    if (noted === undefined) return undefined
    const outcome = await this.send({ head: noted, ...(await this.#markerOf(noted)) })
    if (outcome.durable === 'yes') await this.#noteSent(await this.#latest(noted))
    else if (outcome.durable === 'no') {
      await this.#context.changes.put(noted, { marker: head.marker }, { lasting: false })
    }
    return outcome
  }

  /** For the end of a life: the next one need not send what this one has sent. */
  async noteAllSent(): Promise<void> {
    const { store } = this.#context
    await Promise.all(
      [...this.#sent.keys()].map(async (id) => {
        const head = await store.get(id)
        if (head?.state === 'sealed' && !this.#isSent(head.marker)) await this.#noteSent(head)
      }),
    )
  }

  /** Those sent before this instant are noted, or have gone on. */
  forgetSent(before: number): void {
    for (const [id, { at }] of this.#sent) if (at < before) this.#sent.delete(id)
  }

  #isSent(note: MarkerNote | undefined): boolean {
    if (note?.state !== 'sent') return false
    const { namesKeys, ownsStore, clock, handsOutForMs } = this.#context
    // By now the queue has removed it, whether or not every target was given it.
    if (clock.now() - note.at > handsOutForMs) return false
    // The store may have outlasted a queue in memory: what an earlier life has sent may be gone.
    return !namesKeys || ownsStore || note.at >= this.#openedAt
  }

  #isLeftOut({ changedAt, marker }: TransactionHead): boolean {
    const { clock, ownsStore } = this.#context
    const now = clock.now()
    // Where the store is ours, nobody of an earlier life is about to.
    const mayBeUnderWay = marker !== undefined && (!ownsStore || marker.at >= this.#openedAt)
    if (mayBeUnderWay && now - marker.at < sendingForMs) return false
    return ownsStore || now - changedAt >= sealedForMs
  }

  /** Targets that apply it change its head meanwhile. */
  async #latest(head: TransactionHead): Promise<TransactionHead> {
    return head.state === 'sealed' ? head : ((await this.#context.store.get(head.id)) ?? head)
  }

  async #noteSent(head: TransactionHead): Promise<void> {
    const { id, marker } = head
    const version = this.#sent.get(id)?.version.toString()
    await this.#note(head, { state: 'sent', isRepeat: marker?.isRepeat ?? false, version })
    this.#sent.delete(id)
  }

  /** Undefined if others have changed the head. It need not be lasting: at worst it is sent once more. */
  #note(
    head: TransactionHead,
    note: Omit<MarkerNote, 'at'> | undefined,
  ): Promise<TransactionHead | undefined> {
    const { changes, clock } = this.#context
    const marker = note && { ...note, at: clock.now() }
    return changes.put(head, { marker }, { lasting: false })
  }

  /** What its marker says, from its mutations. A parked target is left out: its dead letter stands for it. */
  async #markerOf(head: TransactionHead): Promise<Omit<Sealed, 'head'>> {
    const { store, namesKeys } = this.#context
    const keys = new Set<string>()
    const byTarget = new Map<string, Set<string>>()
    for await (const lot of lotsIn(chunksOf(store, head))) {
      for (const { key, target = '' } of lot) {
        if (key === undefined) continue
        keys.add(key)
        const ofTarget = byTarget.get(target) ?? new Set()
        byTarget.set(target, ofTarget.add(key))
      }
    }
    const left = Object.entries(head.targets).filter(([, progress]) => isUnderWay(progress))
    const targets = left.map(([name, { mutations }]) => [
      name,
      namesKeys ? { mutations, keys: [...(byTarget.get(name) ?? [])] } : { mutations },
    ])
    const marker: Marker = { mutations: head.mutations, targets: Object.fromEntries(targets) }
    return { marker: encodeMarker(marker), keys }
  }

  /** Where it gets its version here, to be made in the turn of the event loop in which it is sent: see decision 21. */
  #record(head: TransactionHead, marker: Uint8Array, keys: Iterable<string>): StoredRecord {
    const { namespace, origin, clock, versions } = this.#context
    return markerRecord({
      id: head.id,
      namespace,
      origin,
      now: clock.now(),
      version: head.version ?? versions(keys, head.span),
      mutations: head.mutations,
      payload: marker,
    })
  }
}

function notStored(id: string): WalError {
  return new WalError('ERR_NOT_DURABLE', `The marker of transaction ${id} was not stored.`)
}
