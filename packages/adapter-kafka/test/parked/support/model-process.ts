import type { Delivery, QueueContext } from '@daybook/core'
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

/** What all processes see, and what came of the records. */
export interface Shared {
  /** Keys that wait, with the number of the record whose letter it is. */
  readonly letters: Map<string, number>
  /** Numbers by key, in the order in which they were applied by whoever had the partition. */
  readonly applied: Map<string, number[]>
  readonly dead: Set<string>
  /** Those of which a copy was put back. */
  readonly redriven: Set<string>
  readonly errors: unknown[]
  /** Keys of which something came again that stands before a letter: it waits for that, on any queue. */
  readonly excused: Set<string>
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
  isParking: boolean
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
  /** Letters that were redriven here, and are not removed yet: numbers by key. */
  readonly #freed = new Map<string, number>()
  #acks: Waiting[] = []
  #isAcking = false

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
    const admin = cluster.admin(machine)
    const pause = (ms: number): Promise<void> =>
      new Promise((resolve) => void clock.setTimer(ms, resolve))
    const parts: QueueParts = {
      ...{ client, options, context, admin, pause, lag: new Lag(admin, options) },
      places: new Places([['t', partitions]]),
      parking: new Set(['t.parked.a']),
      retentionMs: Number.POSITIVE_INFINITY,
    }
    const senders = new SenderPool(client)
    const pipes = new Map<number, PartitionPipe>()
    const put = (place: KafkaPlace, message: Parameters<PartitionPipe['send']>[0]) => {
      const pipe =
        pipes.get(place.partition) ?? new PartitionPipe(place, senders, { ...options, clock })
      pipes.set(place.partition, pipe)
      return pipe.send(message)
    }
    this.#consumer = new KafkaConsumer(parts, 'a', put)
  }

  /** Resolves once it is a member; then it works. */
  async run(): Promise<void> {
    await this.#consumer.open()
    const { signal } = new AbortController()
    for (;;) {
      for (const delivery of await this.#consumer.pull({ maxRecords: 5, maxBytes: 1e6, signal })) {
        this.#take(delivery)
      }
      await new Promise<void>((resolve) => void this.machine.clock.setTimer(1, resolve))
    }
  }

  /** Leaves as a process that is told to end. */
  close(): Promise<void> {
    return this.#consumer.close()
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
    const lane = this.#lanes.get(key) ?? { key, waiting: [], isBusy: false, isParking: false }
    this.#lanes.set(key, lane)
    const one = { delivery, number, isRedriven: attemptEpoch > 0, isParked: false }
    if (!one.isRedriven && this.#shared.letters.get(key) === number) {
      this.#ack(one)
      return
    }
    if (number < (this.#shared.letters.get(key) ?? 0)) this.#shared.excused.add(key)
    if (one.isRedriven) lane.waiting.unshift(one)
    else lane.waiting.push(one)
    this.#pump(lane)
  }

  #pump(lane: Lane): void {
    while (lane.waiting[0]?.delivery.lease?.aborted) lane.waiting.shift()
    const [head] = lane.waiting
    if (head === undefined || lane.isBusy) return
    const letter = this.#shared.letters.get(lane.key)
    const isBlocked = letter !== undefined && letter !== this.#freed.get(lane.key)
    if (isBlocked && !head.isRedriven) {
      void this.#park(lane)
      return
    }
    lane.waiting.shift()
    lane.isBusy = true
    this.machine.clock.setTimer(this.machine.world.random.integer(1, 15), () => {
      lane.isBusy = false
      if (!head.delivery.lease?.aborted) this.#applied(lane, head)
      this.#pump(lane)
    })
  }

  #applied(lane: Lane, one: Waiting): void {
    const { letters, applied, dead } = this.#shared
    const { world } = this.machine
    // Of whoever does not know yet that the partition is another's, nothing counts.
    const { partition } = (one.delivery.handle as Slot).partition.place
    if (!this.#cluster.owns(this.machine, partition)) return
    const name = `${lane.key} ${one.number}`
    const isBlocked = letters.has(lane.key)
    if (!one.isRedriven && !isBlocked && !dead.has(name) && world.chance(0.12)) {
      dead.add(name)
      letters.set(lane.key, one.number)
      this.#ack(one)
      return
    }
    const numbers = applied.get(lane.key) ?? []
    applied.set(lane.key, numbers)
    numbers.push(one.number)
    if (one.isRedriven) this.#freed.set(lane.key, one.number)
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
    while (this.#acks.length > 0) {
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
    for (;;) {
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
  #redriven({ delivery, number }: Waiting): void {
    const { key = '' } = delivery.record
    if (this.#freed.get(key) === number) this.#freed.delete(key)
    // It comes again elsewhere, and there its letter goes.
    if (delivery.lease?.aborted) return
    if (this.#shared.letters.get(key) === number) this.#shared.letters.delete(key)
  }

  async #park(lane: Lane): Promise<void> {
    const wanted = lane.waiting.filter(({ isParked }) => !isParked)
    if (lane.isParking || wanted.length === 0) return
    lane.isParking = true
    try {
      await this.#consumer.park?.(wanted.map(({ delivery }) => delivery))
      for (const one of wanted) one.isParked = true
    } catch {
      await new Promise<void>((resolve) => void this.machine.clock.setTimer(40, resolve))
    }
    lane.isParking = false
    this.#pump(lane)
  }
}
