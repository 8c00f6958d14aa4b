import { type Delivery, type SendOutcome, systemRandom, WalError } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import type { Membership } from '../../../src/consumer/membership.ts'
import { Partition, type Slot } from '../../../src/consumer/partition.ts'
import type { KafkaEntry, KafkaMessage, KafkaPlace } from '../../../src/index.ts'
import { messageOf } from '../../../src/kafka-message.ts'
import { recordOf, weightOf } from '../../../src/kafka-record.ts'
import { parkedFactOf } from '../../../src/parked/parked-message.ts'
import { ParkedReader } from '../../../src/parked/parked-reader.ts'
import { Parker } from '../../../src/parked/parker.ts'
import type { QueueParts } from '../../../src/queue-parts.ts'

const names = { topic: 'films', group: 'daybook.films' }

/** Two partitions of a parked topic in memory, and commits of the topic that goes with it. */
export class Cluster {
  readonly clock = new VirtualClock()
  readonly logs: KafkaEntry[][] = [[], []]
  readonly told: string[] = []
  /** Outcomes of the next puts; `yes` after them. */
  readonly outcomes: SendOutcome['durable'][] = []
  /** What was committed, by partition. */
  readonly committed = ['', '']
  readonly errors: unknown[] = []
  readonly unread = new Set<number>()
  /** So many entries can be read before it fails once. */
  readable = Number.POSITIVE_INFINITY
  isDown = false
  isSilent = false
  /** The cluster has the parked topic. */
  hasTopic = true
  /** Called before anything is stored. */
  beforePut: (what: string) => void = () => {}

  async put({ partition }: KafkaPlace, message: KafkaMessage): Promise<SendOutcome> {
    const fact = parkedFactOf(message)
    const what = fact?.kind === 'copy' ? fact.entry.offset : fact?.kind === 'done' && fact.offsets
    const told = `${fact?.kind}${what === false ? '' : ` ${what}`}`
    this.beforePut(told)
    this.told.push(told)
    const log = this.logs[partition] ?? []
    log.push({ ...message, offset: log.length, timestamp: 0 })
    const durable = this.outcomes.shift() ?? 'yes'
    if (durable === 'yes') return { durable }
    return { durable, error: new WalError('ERR_IO', 'no answer') }
  }

  /** Whoever is given both partitions now. */
  owner(bufferRecords = 100, batchBytes = 900_000) {
    const { clock, logs, committed } = this
    const bounds = async () => logs.map(({ length }) => ({ first: 0, next: length }))
    const parts = {
      client: {
        reader: async () => ({
          read: (partition: number, from: number, to: number) => this.#read(partition, from, to),
          async close() {},
        }),
      },
      admin: { bounds, async deleteBefore() {} },
      context: { clock, random: systemRandom, reportError() {} },
      options: { ...names, bufferRecords, bufferBytes: 1e9, batchBytes },
      parking: new Set(this.hasTopic ? ['films.parked.store'] : []),
      pause: (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve)),
    } as unknown as QueueParts
    const partitions = [0, 1].map((partition) => new Partition({ topic: 'films', partition }))
    const membership = {
      hasLeft: false,
      failed: (error: unknown) => this.errors.push(error),
      somethingDone() {},
      commitNow: async (some: readonly Partition[]) => {
        if (this.isSilent) await new Promise(() => {})
        if (this.isDown) return
        this.told.push('commit')
        for (const one of some) {
          const { offset, metadata } = one.commit()
          committed[one.place.partition] = `${offset} ${metadata}`
          one.saved = offset
        }
      },
    } as unknown as Membership
    const read = (_: KafkaPlace, entry: KafkaEntry) => {
      const record = recordOf(entry)
      return { record, bytes: weightOf(record), unreadable: undefined }
    }
    const parker = new Parker({
      ...{ parts, membership, read, target: 'store', reader: new ParkedReader(parts) },
      put: (place: KafkaPlace, message: KafkaMessage) => this.put(place, message),
      changed() {},
    })
    const begun = partitions.map((one) => {
      const [offset = '0', metadata = ''] = (committed[one.place.partition] ?? '').split(' ')
      one.load(Number(offset), metadata)
      return parker.begin(one)
    })
    const leave = (): void => void Object.assign(membership, { hasLeft: true })
    return { parker, partitions, begun, leave, first: partitions[0] as Partition }
  }

  async *#read(partition: number, from: number, to: number) {
    if (this.unread.has(partition)) throw new WalError('ERR_IO', 'not now')
    for (const entry of this.logs[partition]?.slice(from, to) ?? []) {
      yield [entry]
      if (--this.readable === 0) throw new WalError('ERR_IO', 'broken off')
    }
  }
}

/** The consumer reads these of the first partition's topic, one after the other, and hands them out. */
export function reads(partition: Partition, keys: readonly string[]): readonly Slot[] {
  const deliveries: Delivery[] = []
  for (const [at, key] of keys.entries()) {
    const offset = partition.next
    if (!partition.expects(offset)) continue
    const record = makeStoredRecord({ id: `${key}${at}`, key })
    const read = { record, bytes: 1, unreadable: undefined }
    partition.add({ ...messageOf(record), offset, timestamp: 7 }, read, 0)
  }
  partition.take({ maxRecords: 1_000, maxBytes: 1e9 }, 0, deliveries)
  return deliveries.map(({ handle }) => handle as Slot)
}

export function taken(partition: Partition): readonly number[] {
  const deliveries: Delivery[] = []
  partition.take({ maxRecords: 1_000, maxBytes: 1e9 }, 0, deliveries)
  return deliveries.map(({ position }) => Number(position))
}

/** The consumer reads one that is like this, and hands it out. */
export function readsRecord(
  partition: Partition,
  some: Parameters<typeof makeStoredRecord>[0],
): Slot {
  const offset = partition.next
  const record = makeStoredRecord(some)
  partition.expects(offset)
  const read = { record, bytes: 1, unreadable: undefined }
  partition.add({ ...messageOf(record), offset, timestamp: 7 }, read, 0)
  const deliveries: Delivery[] = []
  partition.take({ maxRecords: 1, maxBytes: 1e9 }, 0, deliveries)
  return deliveries[0]?.handle as Slot
}
