import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionPool, Consumer, type GroupAssignment, offsetCommitV9 } from '@platformatic/kafka'
import type {
  KafkaCommit,
  KafkaGroup,
  KafkaGroupListener,
  KafkaGroupOptions,
  KafkaPlace,
} from '../kafka-client.ts'
import { brokerErrorOf } from '../kafka-errors.ts'
import { type Fetched, fetchOnce, leadersOf, nobody, type TopicOffsets } from './fetching.ts'
import { withLeaderless } from './leaderless.ts'
import type { PlatformaticOptions } from './platformatic-options.ts'

/** How long a broker waits for something to arrive, in ms. Leaving waits for it, too. */
const waitMs = 250

/** Stands for the first offset that is kept. */
const earliest = -2n

/** How long leaving may take, in ms: with a broker that says nothing the client would try for minutes. */
const leaveMs = 2_000

/** Waits so long after a failed fetch, in ms. */
const tryAgainMs = 250

/** Looks so often whether a partition has a leader again, in ms. */
const leaderlessMs = 1_000

/**
 * Joins a group. The client keeps the membership alive; what is fetched, and from where, is decided
 * here, for its stream can only be paused as a whole.
 */
export async function joinGroup(
  options: PlatformaticOptions,
  group: KafkaGroupOptions,
  listener: KafkaGroupListener,
): Promise<KafkaGroup> {
  const member = new PlatformaticGroup(options, group, listener)
  try {
    await member.join()
  } catch (error) {
    await member.close().catch(() => {})
    throw error
  }
  return member
}

/** As who a member was given partitions, and when. */
export interface Joined {
  readonly memberId: string
  readonly generation: number
}

/**
 * False where others may have had its partitions in between: under a new name it had been thrown out, and of a
 * generation that it has not heard of it was late to ask for its part.
 */
export function follows(last: Joined, { memberId, generation }: Joined): boolean {
  return memberId === last.memberId && generation <= last.generation + 1
}

class PlatformaticGroup implements KafkaGroup {
  readonly #consumer: Consumer
  readonly #group: KafkaGroupOptions
  readonly #listener: KafkaGroupListener
  /** Apart from the client's own connection: heartbeats do not wait behind a fetch. */
  readonly #fetchPool: ConnectionPool
  readonly #commitPool: ConnectionPool
  /** By topic and partition, the offset to be read next; not there while paused. */
  readonly #wanted = new Map<string, Map<number, number>>()
  /** The brokers that are being asked. */
  readonly #pumps = new Map<number, Promise<void>>()
  readonly #closing = new AbortController()
  #last: Joined = { memberId: '', generation: 0 }
  #rejoin: NodeJS.Timeout | undefined

  constructor(
    options: PlatformaticOptions,
    group: KafkaGroupOptions,
    listener: KafkaGroupListener,
  ) {
    this.#group = group
    this.#listener = listener
    const { sessionTimeoutMs } = group
    this.#consumer = withLeaderless(
      new Consumer({
        ...options,
        groupId: group.group,
        sessionTimeout: sessionTimeoutMs,
        rebalanceTimeout: Math.max(30_000, sessionTimeoutMs),
        heartbeatInterval: Math.min(3_000, Math.floor(sessionTimeoutMs / 3)),
        autocommit: false,
      }),
    )
    this.#consumer.topics.trackAll(...group.topics)
    this.#fetchPool = new ConnectionPool(options.clientId, options)
    this.#commitPool = new ConnectionPool(options.clientId, options)
    this.#consumer.on('consumer:group:join', ({ memberId, generationId, assignments }) =>
      this.#joined({ memberId: memberId ?? '', generation: generationId ?? 0 }, assignments),
    )
    this.#consumer.on('consumer:group:rebalance', () => this.#tell(() => listener.rebalancing()))
    this.#consumer.on('error', (error) => this.#lost(error))
  }

  async join(): Promise<void> {
    await this.#consumer.joinGroup()
  }

  read({ topic, partition }: KafkaPlace, from: number): void {
    const partitions = this.#wanted.get(topic) ?? new Map<number, number>()
    this.#wanted.set(topic, partitions)
    partitions.set(partition, from)
    void this.#pumpAll()
  }

  pause({ topic, partition }: KafkaPlace): void {
    this.#wanted.get(topic)?.delete(partition)
  }

  /**
   * The client's own commit takes no metadata, so the request is made here, over a connection of its own. It goes under
   * the generation whose partitions the listener was told of: the client is counted in the next one before it knows
   * what it has there, and a broker would take commits of what is somebody else's by then.
   */
  async commit(commits: readonly KafkaCommit[]): Promise<void> {
    const { memberId, generation } = this.#last
    const { coordinatorId, groupId } = this.#consumer
    const { brokers } = await this.#consumer.metadata({ topics: [...this.#group.topics] })
    const broker = brokers.get(coordinatorId ?? -1)
    if (broker === undefined || memberId === '') throw new Error('The group has no coordinator.')
    const connection = await this.#commitPool.get(broker)
    const topics = [...new Set(commits.map(({ topic }) => topic))].map((name) => ({
      name,
      partitions: commits
        .filter(({ topic }) => topic === name)
        .map(({ partition, offset, metadata }) => ({
          partitionIndex: partition,
          committedOffset: BigInt(offset),
          committedLeaderEpoch: -1,
          committedMetadata: metadata,
        })),
    }))
    const commit = offsetCommitV9.api.async
    await commit(connection, groupId, generation, memberId, null, topics)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#rejoin)
    this.#wanted.clear()
    await this.#leave()
    // Before the client: a fetch that fails by this is not tried again by a client that closes after it.
    await Promise.allSettled([this.#fetchPool.close(), this.#commitPool.close()])
    await this.#consumer.close(true)
  }

  /**
   * The client's `close` leaves, too, but goes on with a join that is answered meanwhile: its
   * heartbeats would then keep the process alive for ever. `leaveGroup` ends the membership at once.
   */
  async #leave(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, leaveMs)
    const left = [this.#consumer.leaveGroup(true), ...this.#pumps.values()]
    await Promise.race([Promise.allSettled(left), late])
    clearTimeout(timer)
  }

  #joined(joined: Joined, assignments: readonly GroupAssignment[] = []): void {
    const places = assignments.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    )
    this.#wanted.clear()
    this.#tell(() => {
      if (!follows(this.#last, joined)) this.#listener.assigned([])
      this.#last = joined
      this.#listener.assigned(places)
    })
  }

  /** The client has given up on its membership. */
  #lost(error: unknown): void {
    this.#tell(() => {
      this.#wanted.clear()
      this.#listener.assigned([])
      this.#listener.failed(error)
      // It may be told of one failure twice.
      clearTimeout(this.#rejoin)
      this.#rejoin = setTimeout(() => {
        if (!this.#closing.signal.aborted) {
          this.#consumer.joinGroup().catch((again: unknown) => this.#lost(again))
        }
      }, 1_000)
      this.#rejoin.unref()
    })
  }

  /** Sees to it that each broker that leads a wanted partition is being asked. */
  async #pumpAll(): Promise<void> {
    try {
      const leaders = await leadersOf(this.#consumer, [...this.#wanted.keys()])
      const nodes = [...this.#wanted].flatMap(([topic, partitions]) =>
        [...partitions.keys()].map((partition) => leaders.get(topic)?.[partition] ?? nobody),
      )
      for (const node of new Set(nodes)) {
        if (this.#pumps.has(node) || this.#closing.signal.aborted) continue
        const pump = node === nobody ? this.#awaitLeaders() : this.#pump(node)
        this.#pumps.set(node, pump)
      }
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Asks one broker until it has nothing that is wanted. */
  async #pump(node: number): Promise<void> {
    try {
      for (;;) {
        const leaders = await leadersOf(this.#consumer, [...this.#wanted.keys()])
        const from = this.#wantedOf(node, leaders)
        if (from.size === 0 || this.#closing.signal.aborted) {
          // At once: what is wanted from now on needs another one.
          this.#pumps.delete(node)
          return
        }
        const options = { node, from, waitMs, connectionPool: this.#fetchPool }
        for (const fetched of await fetchOnce(this.#consumer, options)) this.#take(from, fetched)
      }
    } catch (error) {
      if (brokerErrorOf(error) === 'OFFSET_OUT_OF_RANGE') await this.#skipRemoved()
      this.#pumps.delete(node)
      this.#failed(error)
    }
  }

  /** Looks again before long. */
  async #awaitLeaders(): Promise<void> {
    await sleep(leaderlessMs, undefined, { signal: this.#closing.signal }).catch(() => {})
    this.#pumps.delete(nobody)
    if (!this.#closing.signal.aborted) void this.#pumpAll()
  }

  /** What is wanted of the partitions that a broker leads. */
  #wantedOf(node: number, leaders: ReadonlyMap<string, readonly number[]>): TopicOffsets {
    const led = [...this.#wanted].map(([topic, partitions]) => {
      const own = [...partitions].filter(
        ([partition]) => (leaders.get(topic)?.[partition] ?? -1) === node,
      )
      return [topic, new Map(own)] as const
    })
    return new Map(led.filter(([, partitions]) => partitions.size > 0))
  }

  /** What the broker has removed meanwhile is not asked for any more: one such partition stops all others. */
  async #skipRemoved(): Promise<void> {
    try {
      const topics = [...this.#wanted.keys()]
      const kept = await this.#consumer.listOffsets({ topics, timestamp: earliest })
      for (const [topic, wanted] of this.#wanted) {
        for (const [partition, from] of wanted) {
          const first = Number(kept.get(topic)?.[partition] ?? 0n)
          if (from < first) wanted.set(partition, first)
        }
      }
    } catch (error) {
      this.#tell(() => this.#listener.failed(error))
    }
  }

  #take(asked: TopicOffsets, { topic, partition, entries, next }: Fetched): void {
    const wanted = this.#wanted.get(topic)
    // Paused, lost, or sent elsewhere while the answer was on its way.
    if (wanted?.get(partition) !== asked.get(topic)?.get(partition)) return
    wanted?.set(partition, next)
    this.#tell(() => this.#listener.entries({ topic, partition }, entries, next))
  }

  #failed(error: unknown): void {
    if (this.#closing.signal.aborted) return
    this.#listener.failed(error)
    setTimeout(() => void this.#pumpAll(), tryAgainMs).unref()
  }

  #tell(what: () => void): void {
    if (!this.#closing.signal.aborted) what()
  }
}
