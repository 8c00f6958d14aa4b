import type { Delivery, QueueContext, StoredRecord } from '@daybook/core'
import { KafkaConsumer } from '../../../src/consumer/kafka-consumer.ts'
import { Lag } from '../../../src/consumer/lag.ts'
import type { Slot } from '../../../src/consumer/partition.ts'
import type { KafkaPlace } from '../../../src/index.ts'
import { settingsOf } from '../../../src/kafka-options.ts'
import { Places } from '../../../src/places.ts'
import { PartitionPipe } from '../../../src/producer/partition-pipe.ts'
import { SenderPool } from '../../../src/producer/sender-pool.ts'
import type { QueueParts } from '../../../src/queue-parts.ts'
import type { Cluster } from './model-cluster.ts'
import type { Machine } from './model-world.ts'

/** A record, or the redriven copy of one, that was applied. */
export interface Applied {
  readonly n: number
  readonly isCopy: boolean
}

/** What all processes see, and what came of the records. */
export interface Shared {
  /** Keys that wait, with the number of the record whose letter it is. */
  readonly letters: Map<string, number>
  /** By key, in the order in which they were applied by whoever had the partition. */
  readonly applied: Map<string, Applied[]>
  readonly dead: Set<string>
  /** Those of which a copy was put back. */
  readonly redriven: Set<string>
  /** Attempt epochs of letters, by record: of a copy that was dead, too. */
  readonly epochs: Map<string, number>
  /** Copies that were dead, too, and are not acked: were the letter discarded now, they might come again for good. */
  readonly unsettled: Set<string>
  readonly errors: unknown[]
}

interface Waiting {
  readonly delivery: Delivery
  readonly number: number
  readonly isRedriven: boolean
  isParked: boolean
}

interface Lane {
  readonly key: string
  readonly waiting: Waiting[]
  isBusy: boolean
}

/**
 * A process with a real consumer, and of a delivery as much as has to do with the order of keys: one record of a key
 * at a time, those behind a letter parked, acks one call after the other and again until they succeed.
 */
export class ModelProcess {
  readonly machine: Machine
  readonly #cluster: Cluster
  readonly #shared: Shared
  readonly #consumer: KafkaConsumer
  readonly #lanes = new Map<string, Lane>()
  /** Copies of letters, by key, that were applied here, and whose letters are not removed yet. */
  readonly #freed = new Map<string, Waiting>()
  #acks: Waiting[] = []
  #isAcking = false
  #isClosing = false
  #isClosed = false
  #isParking = false

  constructor(machine: Machine, cluster: Cluster, partitions: number, shared: Shared) {
    this.machine = machine
    this.#cluster = cluster
    this.#shared = shared
    const client = cluster.client(machine)
    const options = settingsOf({
      ...{ client, topic: 't', bufferRecords: 4, batchBytes: 1_500, sendTimeoutMs: 60 },
    })
    const { clock } = machine
    const context = {
      ...{ namespace: 'n', targets: ['a'], clock, random: machine.world.random },
      ...{ blocksKeys: true, reportError: (error: unknown) => shared.errors.push(error) },
    } as unknown as QueueContext
    const admin = cluster.admin(machine, true)
    const pause = (ms: number): Promise<void> =>
      new Promise((resolve) => void clock.setTimer(ms, resolve))
    const parts: QueueParts = {
      ...{ client, options, context, admin, pause, lag: new Lag(cluster.admin(machine), options) },
      places: new Places([['t', partitions]]),
      parking: new Set(['t.parked.a']),
      retentionMs: Number.POSITIVE_INFINITY,
    }
    const senders = new SenderPool(client)
    const pipes = new Map<number, PartitionPipe>()
    const put = (place: KafkaPlace, message: Parameters<PartitionPipe['send']>[0]) => {
      const pipe =
        pipes.get(place.partition) ??
        new PartitionPipe(place, senders, { ...options, clock, largestBatch: async () => 1_500 })
      pipes.set(place.partition, pipe)
      return pipe.send(message)
    }
    this.#consumer = new KafkaConsumer(parts, 'a', put)
  }

  /** Resolves once it is a member; then it works. */
  async run(): Promise<void> {
    await this.#consumer.open()
    const { signal } = new AbortController()
    while (!this.#isClosed) {
      if (this.machine.world.random.chance(0.02)) await this.#search(signal)
      for (const delivery of await this.#consumer.pull({ maxRecords: 5, maxBytes: 1e6, signal })) {
        this.#take(delivery)
      }
      await new Promise<void>((resolve) => void this.machine.clock.setTimer(1, resolve))
    }
  }

  /** Takes the copies of letters before their turn, as core does it where too much waits for them. */
  async #search(signal: AbortSignal): Promise<void> {
    const { letters } = this.#shared
    const wanted = ({ key = '', attemptEpoch, headers }: StoredRecord): boolean =>
      attemptEpoch > 0 && letters.get(key) === Number(headers['n'])
    try {
      for (const one of await this.#consumer.pullAhead({ wanted, signal })) this.#take(one)
    } catch {
      // It is looked for again.
    }
  }

  /** Leaves as a process that is told to end: what is under way ends, the rest is given back. */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    const isBusy = (): boolean => [...this.#lanes.values()].some((lane) => lane.isBusy)
    for (let looks = 0; looks < 20 && isBusy(); looks++)
      await new Promise<void>((resolve) => void this.machine.clock.setTimer(10, resolve))
    this.#isClosed = true
    await this.#consumer.close()
  }

  /** Letters have changed. */
  look(): void {
    this.machine.reach(() => {
      for (const lane of this.#lanes.values()) this.#pump(lane)
    })
  }

  #take(delivery: Delivery): void {
    const { key = '', headers, attemptEpoch } = delivery.record
    const number = Number(headers['n'])
    const lane = this.#lanes.get(key) ?? { key, waiting: [], isBusy: false }
    this.#lanes.set(key, lane)
    const one = { delivery, number, isRedriven: attemptEpoch > 0, isParked: false }
    const { letters, epochs } = this.#shared
    if (letters.get(key) === number && attemptEpoch <= (epochs.get(`${key} ${number}`) ?? 0)) {
      this.#ack(one)
      return
    }
    if (one.isRedriven) lane.waiting.unshift(one)
    else lane.waiting.push(one)
    this.#pump(lane)
  }

  #pump(lane: Lane): void {
    if (this.#isClosing) return
    while (lane.waiting[0]?.delivery.lease?.aborted) lane.waiting.shift()
    const [head] = lane.waiting
    if (head === undefined || lane.isBusy) return
    if (this.#isBlocked(lane) && !head.isRedriven) {
      void this.#park()
      return
    }
    lane.waiting.shift()
    lane.isBusy = true
    this.#apply(lane, head)
  }

  #isBlocked({ key }: Lane): boolean {
    const letter = this.#shared.letters.get(key)
    const freed = this.#freed.get(key)
    // Of a lease that was lost it comes again, and until then its letter holds the key.
    const isFreed = freed?.number === letter && freed?.delivery.lease?.aborted !== true
    return letter !== undefined && !isFreed
  }

  /** Of whoever does not know yet that the partition is another's, nothing counts: he comes to it once he knows. */
  #apply(lane: Lane, one: Waiting): void {
    this.machine.clock.setTimer(this.machine.world.random.integer(1, 15), () => {
      if (this.#isClosed) return
      const { partition } = (one.delivery.handle as Slot).partition.place
      const isLost = one.delivery.lease?.aborted === true
      if (!isLost && !this.#cluster.owns(this.machine, partition)) {
        this.#apply(lane, one)
        return
      }
      lane.isBusy = false
      if (!isLost) this.#applied(lane, one)
      this.#pump(lane)
    })
  }

  #applied(lane: Lane, one: Waiting): void {
    const { letters, epochs, redriven, unsettled, applied, dead } = this.#shared
    const { world } = this.machine
    const name = `${lane.key} ${one.number}`
    const isBlocked = letters.has(lane.key)
    if (!one.isRedriven && !isBlocked && !dead.has(name) && world.chance(0.12)) {
      dead.add(name)
      letters.set(lane.key, one.number)
      this.#ack(one)
      return
    }
    const isDeadAgain = one.isRedriven && letters.get(lane.key) === one.number && world.chance(0.2)
    if (isDeadAgain) {
      epochs.set(name, one.delivery.record.attemptEpoch)
      redriven.delete(name)
      unsettled.add(name)
      this.#ack(one)
      return
    }
    const numbers = applied.get(lane.key) ?? []
    applied.set(lane.key, numbers)
    numbers.push({ n: one.number, isCopy: one.isRedriven })
    if (one.isRedriven) this.#freed.set(lane.key, one)
    this.#ack(one)
  }

  #ack(one: Waiting): void {
    if (one.isRedriven) {
      void this.#ackAlone(one)
      return
    }
    this.#acks.push(one)
    if (!this.#isAcking) void this.#sendAcks()
  }

  async #sendAcks(): Promise<void> {
    this.#isAcking = true
    while (this.#acks.length > 0 && !this.#isClosed) {
      const acks = this.#acks
      this.#acks = []
      try {
        await this.#consumer.ack(acks.map(({ delivery }) => delivery))
      } catch {
        this.#acks = [...acks, ...this.#acks]
        await new Promise<void>((resolve) => void this.machine.clock.setTimer(50, resolve))
      }
    }
    this.#isAcking = false
  }

  /** Beside the others, as core does it for a consumer that keeps its acks in the order of the calls. */
  async #ackAlone(one: Waiting): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#consumer.ack([one.delivery])
        this.#redriven(one)
        return
      } catch {
        await new Promise<void>((resolve) => void this.machine.clock.setTimer(50, resolve))
      }
    }
  }

  /** Only now its letter goes. */
  #redriven(one: Waiting): void {
    const { delivery, number } = one
    const { key = '' } = delivery.record
    if (this.#freed.get(key) === one) this.#freed.delete(key)
    // It comes again elsewhere, and there its letter goes.
    if (delivery.lease?.aborted) return
    const { letters, epochs, unsettled } = this.#shared
    unsettled.delete(`${key} ${number}`)
    // It has left one of its own.
    const isDead = delivery.record.attemptEpoch <= (epochs.get(`${key} ${number}`) ?? 0)
    if (letters.get(key) === number && !isDead) letters.delete(key)
  }

  /** One call at a time for all keys that wait, as core does it. */
  async #park(): Promise<void> {
    if (this.#isParking) return
    const lanes = [...this.#lanes.values()].filter((lane) => !lane.isBusy && this.#isBlocked(lane))
    const wanted = lanes
      .filter(({ waiting }) => waiting[0]?.isRedriven !== true)
      .flatMap(({ waiting }) => waiting.filter((one) => !one.isParked && !one.isRedriven))
    if (wanted.length === 0) return
    this.#isParking = true
    try {
      await this.#consumer.park?.(wanted.map(({ delivery }) => delivery))
      for (const one of wanted) one.isParked = true
    } catch {
      await new Promise<void>((resolve) => void this.machine.clock.setTimer(40, resolve))
    }
    this.#isParking = false
    void this.#park()
  }
}
