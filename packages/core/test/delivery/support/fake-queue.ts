import {
  type AttemptState,
  type Backlog,
  type Consumer,
  type Delivery,
  noAttempts,
  type PullAheadOptions,
  type PullOptions,
  type Release,
  type SavedAttempts,
  type Watermark,
} from '../../../src/consumer/consumer.ts'
import type { StoredRecord } from '../../../src/record.ts'

interface Slot {
  readonly record: StoredRecord
  readonly position: number
  attempts: AttemptState
  leased: boolean
  begun: boolean
  acked: boolean
  lease: AbortController | undefined
  extra: Partial<Delivery>
}

/** What the consumer offers; all of it unless told. */
interface FakeConsumerOptions {
  readonly reload?: boolean
  readonly marks?: boolean
  readonly ahead?: boolean
}

/** Methods of a consumer that a test can make fail. */
type Failing =
  | 'pull'
  | 'pullAhead'
  | 'ack'
  | 'release'
  | 'beginAttempts'
  | 'saveAttempts'
  | 'reload'

/** A queue in memory whose consumer can be killed, told to fail, and asked what it was told. */
export class FakeQueue {
  readonly slots: Slot[] = []
  /** Errors thrown by the next calls. */
  readonly failures: { readonly method: Failing; readonly error: Error }[] = []
  readonly released: Release[] = []
  readonly saved: SavedAttempts[] = []
  readonly acks: string[] = []
  readonly pulls: PullOptions[] = []
  reloads = 0
  looksAhead = 0
  /** Largest number of records that were leased at once. */
  mostLeased = 0
  /** True: `remaining` answers undefined. */
  cannotTell = false
  /** What it says of how long nothing must come. */
  silenceMs: number | undefined
  canLoseLeases = false
  /** Ids of those that were said to follow soon, by calls of `beginAttempts`. */
  readonly soon: string[][] = []
  /** Called within `beginAttempts`. */
  whileBeginning: (() => void) | undefined
  #wake: (() => void)[] = []
  /** One more with each death of the process. */
  life = 0

  /** Adds a record with the key, `'k'` unless said otherwise. */
  add(overrides: Partial<StoredRecord> = {}, extra: Partial<Delivery> = {}): StoredRecord {
    const position = this.slots.length + 1
    const record: StoredRecord = {
      id: `r${position}`,
      namespace: 'films',
      key: 'k',
      op: 'put',
      payload: new TextEncoder().encode(JSON.stringify(position)),
      headers: {},
      writtenAt: 0,
      dueAt: undefined,
      version: BigInt(position),
      origin: 'local',
      target: undefined,
      transaction: undefined,
      attemptEpoch: 0,
      traceContext: undefined,
      encryptionKeyId: undefined,
      ...overrides,
    }
    this.slots.push({
      record,
      position,
      attempts: extra.attempts ?? noAttempts,
      leased: false,
      begun: false,
      acked: false,
      lease: undefined,
      extra,
    })
    for (const wake of this.#wake.splice(0)) wake()
    return record
  }

  /** Adds so many records with keys of their own. */
  addMany(count: number): readonly StoredRecord[] {
    return Array.from({ length: count }, () => this.add({ key: `key-${this.slots.length + 1}` }))
  }

  failNext(method: Failing, message = `${method} failed`): void {
    this.failures.push({ method, error: new Error(message) })
  }

  /** Ids of the records that are not acked. */
  get left(): readonly string[] {
    return this.slots.filter(({ acked }) => !acked).map(({ record }) => record.id)
  }

  get leased(): number {
    return this.slots.filter(({ leased }) => leased).length
  }

  /** The process died: what was begun and not told the end of is counted. */
  kill(): void {
    this.life++
    for (const slot of this.slots) {
      if (slot.begun && !slot.acked) {
        const { attempts } = slot
        slot.attempts = {
          ...attempts,
          spent: attempts.spent + 1,
          interrupted: attempts.interrupted + 1,
        }
      }
      slot.begun = false
      slot.leased = false
    }
    this.#wake = []
  }

  loseLease(id: string): void {
    const slot = this.slots.find(({ record }) => record.id === id)
    if (slot === undefined) return
    const lease = slot.lease
    slot.lease = undefined
    lease?.abort()
  }

  /** The consumer of the process as it now lives: it does and answers nothing after `kill`. */
  consumer(options: FakeConsumerOptions = {}): Consumer {
    const { life } = this
    return new Proxy(this.#consumer(options), {
      get: (consumer, name, receiver) => {
        const method: unknown = Reflect.get(consumer, name, receiver)
        if (typeof method !== 'function') return method
        return async (...args: unknown[]) => {
          const silent = new Promise<never>(() => {})
          if (life !== this.life) return silent
          const answer: unknown = await Reflect.apply(method, consumer, args)
          return life === this.life ? answer : silent
        }
      },
    })
  }

  #consumer({ reload = true, marks = true, ahead = true }: FakeConsumerOptions): Consumer {
    const slotOf = (delivery: Delivery): Slot | undefined =>
      this.slots[Number(delivery.position) - 1]
    const failIfTold = (method: Failing): void => {
      const at = this.failures.findIndex((failure) => failure.method === method)
      if (at !== -1) throw this.failures.splice(at, 1)[0]?.error
    }
    return {
      pull: async (options) => {
        this.pulls.push(options)
        for (;;) {
          failIfTold('pull')
          const deliveries = this.#lease(options)
          if (deliveries.length > 0 || options.signal.aborted) return deliveries
          await new Promise<void>((resolve) => {
            this.#wake.push(resolve)
            options.signal.addEventListener('abort', () => resolve(), { once: true })
          })
        }
      },
      ack: async (deliveries) => {
        failIfTold('ack')
        for (const delivery of deliveries) {
          const slot = slotOf(delivery)
          if (slot === undefined) continue
          slot.acked = true
          slot.leased = false
          this.acks.push(slot.record.id)
        }
      },
      release: async (releases) => {
        failIfTold('release')
        for (const release of releases) {
          this.released.push(release)
          const slot = slotOf(release.delivery)
          if (slot === undefined) continue
          slot.leased = false
          slot.begun = false
          slot.attempts = release.attempts
        }
        for (const wake of this.#wake.splice(0)) wake()
      },
      saveAttempts: async (saved) => {
        failIfTold('saveAttempts')
        for (const each of saved) {
          this.saved.push(each)
          const slot = slotOf(each.delivery)
          if (slot === undefined) continue
          slot.attempts = each.attempts
          slot.begun = false
        }
      },
      ...(marks && {
        beginAttempts: async (
          deliveries: readonly Delivery[],
          soon?: () => readonly Delivery[],
        ) => {
          failIfTold('beginAttempts')
          this.soon.push((soon?.() ?? []).map(({ record }) => record.id))
          this.whileBeginning?.()
          for (const delivery of deliveries) {
            const slot = slotOf(delivery)
            if (slot !== undefined) slot.begun = true
          }
        },
      }),
      ...(reload && {
        reload: async (deliveries: readonly Delivery[]) => {
          failIfTold('reload')
          this.reloads++
          return deliveries.map((delivery) => slotOf(delivery)?.record as StoredRecord)
        },
      }),
      ...(ahead && {
        pullAhead: async ({ wanted }: PullAheadOptions) => {
          failIfTold('pullAhead')
          this.looksAhead++
          const found = this.slots.filter(
            ({ acked, leased, record }) => !acked && !leased && wanted(record),
          )
          return found.map((slot) => {
            slot.leased = true
            return this.#delivery(slot)
          })
        },
      }),
      backlog: async (): Promise<Backlog> => {
        const pending = this.slots.filter(({ acked }) => !acked)
        return {
          pending: pending.length,
          delayed: 0,
          oldestWrittenAt: pending[0]?.record.writtenAt,
        }
      },
      watermark: async (): Promise<Watermark> => {
        const end = this.slots.length
        return {
          covers: ({ position }) => Number(position) <= end,
          remaining: () =>
            this.cannotTell
              ? undefined
              : this.slots.slice(0, end).filter(({ acked }) => !acked).length,
          ...(this.silenceMs !== undefined && { silenceMs: () => this.silenceMs ?? 0 }),
        }
      },
      close: async () => {},
    }
  }

  #lease({ maxRecords, maxBytes }: PullOptions): Delivery[] {
    const deliveries: Delivery[] = []
    let bytes = 0
    for (const slot of this.slots) {
      if (slot.acked || slot.leased) continue
      const delivery = this.#delivery(slot)
      bytes += delivery.bytes
      if (deliveries.length > 0 && bytes > maxBytes) break
      slot.leased = true
      deliveries.push(delivery)
      if (deliveries.length === maxRecords) break
    }
    this.mostLeased = Math.max(this.mostLeased, this.leased)
    return deliveries
  }

  #delivery(slot: Slot): Delivery {
    if (this.canLoseLeases) slot.lease = new AbortController()
    return {
      record: slot.record,
      position: slot.position,
      bytes: 100,
      ...slot.extra,
      attempts: slot.attempts,
      lease: slot.lease?.signal,
    }
  }
}
