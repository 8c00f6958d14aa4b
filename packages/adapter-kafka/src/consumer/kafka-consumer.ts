import type {
  Backlog,
  Clock,
  Consumer,
  Delivery,
  PullAheadOptions,
  PullOptions,
  Release,
  SavedAttempts,
  SendOutcome,
  Watermark,
} from '@daybook/core'
import { WalError } from '@daybook/core'
import type { KafkaEntry, KafkaMessage, KafkaPlace } from '../kafka-client.ts'
import { recordOf, strangeRecord, weightOf } from '../kafka-record.ts'
import { ParkedReader } from '../parked/parked-reader.ts'
import { Parker } from '../parked/parker.ts'
import { checkParkedIsThere } from '../parked/parking-topics.ts'
import type { QueueParts } from '../queue-parts.ts'
import { LookAhead } from './look-ahead.ts'
import { Membership } from './membership.ts'
import type { Partition, ReadRecord, Slot } from './partition.ts'
import { RetentionWatch } from './retention-watch.ts'
import { watermarkOf } from './watermark.ts'

/** Longest wait before looking at the clock again: the wall clock may have been set meanwhile. */
const longestNapMs = 60_000

/** Hands out what a group's member reads. Open, then closed for good. */
export class KafkaConsumer implements Consumer {
  readonly #parts: QueueParts
  readonly #clock: Clock
  readonly #target: string
  readonly #group: string
  readonly #membership: Membership
  readonly #watch: RetentionWatch
  #closed = false
  /** The partition that is asked first at the next pull: each in its turn. */
  #turn = 0
  #wake: () => void = nothing
  readonly #ahead: LookAhead
  readonly #parkedReader: ParkedReader
  readonly #parker: Parker
  /** Partitions that it was given. */
  #takeovers = 0
  /** Absent where nothing is ever parked. */
  readonly park?: (deliveries: readonly Delivery[]) => Promise<void>

  constructor(
    parts: QueueParts,
    target: string,
    put: (place: KafkaPlace, message: KafkaMessage) => Promise<SendOutcome>,
  ) {
    this.#parts = parts
    this.#clock = parts.context.clock
    this.#target = target
    this.#group = `${parts.options.group}.${target}`
    this.#membership = new Membership(parts, this.#group, {
      entry: (partition, entry) => this.#admit(partition, entry),
      begin: (partition) => {
        this.#takeovers++
        return this.#parker.begin(partition)
      },
      readOn: (partition) => this.#parker.readOn(partition),
      changed: () => this.#wake(),
    })
    this.#parkedReader = new ParkedReader(parts)
    this.#parker = new Parker({
      ...{ parts, target, put, membership: this.#membership, reader: this.#parkedReader },
      read: readRecord,
      changed: () => this.#wake(),
    })
    if (parts.context.blocksKeys)
      this.park = (deliveries) => this.#parker.park(this.#slotsOf(deliveries))
    this.#ahead = new LookAhead(parts, this.#membership)
    const { retentionMs, context } = parts
    this.#watch = new RetentionWatch({
      clock: this.#clock,
      retentionMs,
      oldestStoredAt: () => this.#oldest(true, ({ storedAt }) => storedAt),
      atRisk: (waitedMs) => context.retentionAtRisk?.({ target, waitedMs, retentionMs }),
    })
  }

  async open(): Promise<void> {
    await checkParkedIsThere(this.#parts, this.#target, this.#group)
    await this.#membership.join()
    if (!this.#closed) this.#watch.start()
  }

  async pull({ signal, ...limits }: PullOptions): Promise<readonly Delivery[]> {
    for (;;) {
      if (this.#closed) return []
      const deliveries = this.#take(limits)
      if (deliveries.length > 0 || signal.aborted) return deliveries
      await this.#wait(signal)
    }
  }

  get takeovers(): number {
    return this.#takeovers
  }

  async ack(deliveries: readonly Delivery[]): Promise<void> {
    const slots = this.#slotsOf(deliveries)
    if (slots.length === 0) return
    const acking = this.#parker.ack(slots)
    this.#membership.somethingDone(partitionsOf(slots))
    if (acking !== undefined) await acking
  }

  async release(releases: readonly Release[]): Promise<void> {
    for (const { delivery, delayMs } of releases) {
      const readyAt = delayMs > 0 ? this.#clock.monotonic() + delayMs : 0
      for (const slot of this.#slotsOf([delivery])) slot.partition.release(slot, readyAt)
    }
    const saved = this.saveAttempts(releases)
    this.#wake()
    await saved
  }

  async beginAttempts(deliveries: readonly Delivery[]): Promise<void> {
    const slots = this.#slotsOf(deliveries)
    for (const slot of slots) slot.partition.begin(slot)
    if (slots.length > 0) await this.#membership.commitNow(partitionsOf(slots))
  }

  async saveAttempts(saved: readonly SavedAttempts[]): Promise<void> {
    const slots = saved.flatMap(({ delivery, attempts }) =>
      this.#slotsOf([delivery]).map((slot) => {
        slot.partition.save(slot, attempts)
        return slot
      }),
    )
    if (slots.length > 0) await this.#membership.commitNow(partitionsOf(slots))
  }

  async pullAhead({ wanted, signal }: PullAheadOptions): Promise<readonly Delivery[]> {
    const deliveries: Delivery[] = []
    const now = this.#clock.monotonic()
    if (this.#closed) return deliveries
    for (const one of this.#membership.partitions) one.takeWanted(wanted, now, deliveries)
    // What cannot be read of the one is to keep nobody from looking through the other.
    const searches = await Promise.allSettled([
      this.#ahead.run(signal, (partition, entry) =>
        this.#takeAhead(partition, entry, wanted, deliveries),
      ),
      this.#parker.lookAhead(signal, (partition, entry) => {
        const read = readRecord(partition.place, entry)
        if (wanted(read.record)) deliveries.push(partition.takeAhead(entry, read))
      }),
    ])
    const failed = searches.find(({ status }) => status === 'rejected')
    // What was found by then is leased, and has to be handed out.
    if (failed?.status === 'rejected' && deliveries.length === 0) throw failed.reason
    // What the group came to in the meantime was no longer unread.
    for (const one of this.#membership.partitions) one.takeWanted(wanted, now, deliveries)
    return deliveries
  }

  async backlog(): Promise<Backlog> {
    const { pending, delayed } = await this.#parts.lag.ofGroup(this.#group, this.#membership)
    const oldestWrittenAt = this.#oldest(false, ({ read }) => read.record.writtenAt)
    return { pending, delayed, oldestWrittenAt, approximate: true }
  }

  watermark({ includeDelayed }: { readonly includeDelayed: boolean }): Promise<Watermark> {
    return watermarkOf({
      lag: this.#parts.lag,
      group: this.#group,
      membership: this.#membership,
      clock: this.#clock,
      includeDelayed,
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#watch.stop()
    this.#wake()
    await this.#parker.close()
    await Promise.all([this.#membership.leave(), this.#ahead.close(), this.#parkedReader.close()])
  }

  #take(limits: Omit<PullOptions, 'signal'>): Delivery[] {
    const now = this.#clock.monotonic()
    const deliveries: Delivery[] = []
    const partitions = this.#membership.partitions
    let bytes = 0
    for (let step = 0; step < partitions.length; step++) {
      const partition = partitions[(this.#turn + step) % partitions.length] as Partition
      const maxRecords = limits.maxRecords - deliveries.length
      if (maxRecords === 0) break
      bytes += partition.take({ maxRecords, maxBytes: limits.maxBytes - bytes }, now, deliveries)
      this.#membership.readOn(partition)
    }
    this.#turn = (this.#turn + 1) % Math.max(1, partitions.length)
    return deliveries
  }

  /** Makes room for an entry, unless it is for others. */
  #admit(partition: Partition, entry: KafkaEntry): void {
    const read = readRecord(partition.place, entry)
    const { target, dueAt } = read.record
    if (target !== undefined && target !== this.#target) {
      this.#parts.context.passedOver?.(target)
      partition.skip(entry.offset)
      return
    }
    // The clock of whoever sent it on when it was due may be ahead of this one.
    const earlyMs = dueAt === undefined ? 0 : dueAt - this.#clock.now()
    partition.add(entry, read, earlyMs > 0 ? this.#clock.monotonic() + earlyMs : 0)
  }

  #takeAhead(
    partition: Partition,
    entry: KafkaEntry,
    wanted: PullAheadOptions['wanted'],
    taken: Delivery[],
  ): void {
    if (!partition.isUnread(entry.offset)) return
    const read = readRecord(partition.place, entry)
    const { target = this.#target, dueAt = 0 } = read.record
    if (target !== this.#target || dueAt > this.#clock.now() || !wanted(read.record)) return
    taken.push(partition.takeAhead(entry, read))
  }

  /** Known only where every partition that holds something has been read into. */
  #oldest(needsTopic: boolean, timeOf: (slot: Slot) => number): number | undefined {
    const oldest = this.#membership.partitions.flatMap((one) => one.oldest(needsTopic) ?? [])
    const times = oldest.map(timeOf)
    return times.length > 0 ? Math.min(...times) : undefined
  }

  /** Not those of a partition that was lost, nor any once this is closed: the next consumer has them. */
  #slotsOf(deliveries: readonly Delivery[]): readonly Slot[] {
    if (this.#closed) return []
    return deliveries
      .map(({ handle }) => handle as Slot)
      .filter(({ partition }) => !partition.isLost)
  }

  /** A record that arrives, the signal, `close`, and the end of the shortest delay end it. */
  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const readyAt = Math.min(...this.#membership.partitions.map((one) => one.nextReadyAt()))
      const delayMs = Math.min(longestNapMs, readyAt - this.#clock.monotonic())
      const wake = (): void => {
        timer.cancel()
        signal.removeEventListener('abort', wake)
        this.#wake = nothing
        resolve()
      }
      const timer = this.#clock.setTimer(Math.max(0, delayMs), wake, { unref: true })
      signal.addEventListener('abort', wake, { once: true })
      this.#wake = wake
    })
  }
}

/** What is no record comes as a strange one, with the reason. */
function readRecord(place: KafkaPlace, entry: KafkaEntry): ReadRecord {
  try {
    const record = recordOf(entry)
    return { record, bytes: weightOf(record), unreadable: undefined }
  } catch (cause) {
    const where = `${place.topic}, partition ${place.partition}, offset ${entry.offset}`
    const reason = cause instanceof Error ? cause.message : String(cause)
    const unreadable = new WalError('ERR_UNDECODABLE', `${reason} (${where})`, { cause })
    const record = strangeRecord(place, entry)
    return { record, bytes: weightOf(record), unreadable, entry }
  }
}

function partitionsOf(slots: readonly Slot[]): ReadonlySet<Partition> {
  return new Set(slots.map(({ partition }) => partition))
}

function nothing(): void {}
