import type {
  KafkaGroup,
  KafkaGroupListener,
  KafkaGroupOptions,
  KafkaPlace,
} from '../kafka-client.ts'
import { isDenied } from '../kafka-errors.ts'
import { FetchWait } from './fetch-wait.ts'
import { Holds } from './holds.ts'
import { entryOf } from './kafkajs-entries.ts'
import type { KafkaJs, KafkaJsBatchEnd, KafkaJsConsumer, KafkaJsJoin } from './kafkajs-types.ts'
import { Positions } from './positions.ts'

/** How long a fetch waits for something to arrive, in ms. Leaving the group waits for it, too. */
const longestFetchMs = 250

/** Waits so long before it starts anew where the client does not, in ms. */
const startAgainMs = 1_000

/** Leaving a group is not waited for any longer, in ms. */
const longestLeaveMs = 3_000

/**
 * Joins a group. The client fetches by itself; between two fetches it sends heartbeats, so a batch
 * is only passed on, and never worked at. It starts again by itself after what it takes for
 * temporary, and is started again after anything else: rights come back, too.
 */
export async function joinGroup(
  kafka: KafkaJs,
  { group, topics, sessionTimeoutMs }: KafkaGroupOptions,
  listener: KafkaGroupListener,
  fetchWaitMs: number = longestFetchMs,
): Promise<KafkaGroup> {
  const fetchWait = new FetchWait(fetchWaitMs)
  const consumer = kafka.consumer({
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: Math.min(3_000, sessionTimeoutMs / 3),
    maxWaitTimeInMs: fetchWait.ms,
    allowAutoTopicCreation: false,
    // One that is to leave would otherwise try for ever, and keep its process alive, where the broker is silent.
    retry: { restartOnFailure: async () => !member.isClosed },
  })
  const member: KafkaJsGroup = new KafkaJsGroup(consumer, listener, fetchWait)
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    await member.run()
    member.checkRights()
  } catch (error) {
    await member.close().catch(() => {})
    throw error
  }
  return member
}

class KafkaJsGroup implements KafkaGroup {
  readonly #consumer: KafkaJsConsumer
  readonly #listener: KafkaGroupListener
  readonly #fetchWait: FetchWait
  readonly #positions = new Positions()
  readonly #holds = new Holds()
  #memberId = ''
  /** Those that it was counted in since it was last told of its partitions. */
  #generations = 0
  /** How often it has been given partitions, or lost them all. */
  #assignments = 0
  /** Why it last fell out of the group, or could not join it. */
  #crash: unknown
  #closed = false

  constructor(consumer: KafkaJsConsumer, listener: KafkaGroupListener, fetchWait: FetchWait) {
    this.#consumer = consumer
    this.#listener = listener
    this.#fetchWait = fetchWait
    consumer.on('consumer.group_join', ({ payload }) => this.#joined(payload))
    consumer.on('consumer.end_batch_process', ({ payload }) => this.#passedOver(payload))
    consumer.on('consumer.network.request', ({ payload }) => {
      if (payload.apiName === 'JoinGroup') this.#generations++
    })
    consumer.on('consumer.rebalancing', () => this.#tell(() => listener.rebalancing()))
    consumer.on('consumer.crash', ({ payload }) =>
      this.#tell(() => {
        this.#crash = payload.error
        this.#assignments++
        this.#holds.releaseAll()
        listener.assigned([])
        listener.failed(payload.error)
        if (!payload.restart) setTimeout(() => this.#startAgain(), startAgainMs).unref()
      }),
    )
  }

  get isClosed(): boolean {
    return this.#closed
  }

  async run(): Promise<void> {
    await this.#consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 8,
      eachBatch: async ({ batch, isStale }) => {
        // A batch from before a seek is not what was asked for.
        if (isStale()) return
        const { topic, partition, messages } = batch
        const next = Number(batch.lastOffset()) + 1
        const place = { topic, partition }
        this.#fetchWait.stir()
        this.#positions.goTo(place, next)
        const isHeld = this.#holds.during(place, () =>
          this.#tell(() => this.#listener.entries(place, messages.map(entryOf), next)),
        )
        if (isHeld && !(await this.#holds.isReleased(place))) this.pause(place)
      },
    })
  }

  /** Throws where it may not join: the client takes that for a crash, and says no more of it. */
  checkRights(): void {
    if (this.#memberId === '' && isDenied(this.#crash)) throw this.#crash
  }

  read({ topic, partition }: KafkaPlace, from: number): void {
    if (this.#closed) return
    const isThere = this.#positions.next({ topic, partition }) === from
    if (this.#holds.release({ topic, partition }) && isThere) return
    this.#positions.goTo({ topic, partition }, from)
    this.#consumer.seek({ topic, partition, offset: String(from) })
    this.#consumer.resume([{ topic, partitions: [partition] }])
  }

  pause({ topic, partition }: KafkaPlace): void {
    if (this.#closed || this.#holds.hold({ topic, partition })) return
    this.#fetchWait.stir()
    this.#consumer.pause([{ topic, partitions: [partition] }])
  }

  /**
   * The client tries again by itself after what it takes for temporary, by then perhaps as a member of the
   * next generation, whose partitions are others: the broker would take that, and the partition's new owner
   * be set back. So each try is refused once the partitions have been given out anew.
   */
  async commit(commits: Parameters<KafkaGroup['commit']>[0]): Promise<void> {
    this.#fetchWait.stir()
    const assignments = this.#assignments
    const check = (): void => {
      if (assignments !== this.#assignments) throw handedOver()
    }
    await this.#consumer.commitOffsets(
      commits.map(({ offset, partition, ...commit }) => ({
        ...{ ...commit, offset: String(offset) },
        partition: checkedNumber(partition, check),
      })),
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#holds.releaseAll()
    const left = this.#consumer.disconnect()
    // While it tries to join again after an outage the client waits for that, up to minutes. The
    // broker then takes the member out when its session is over.
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, longestLeaveMs)
    })
    await Promise.race([left, late])
    clearTimeout(timer)
    left.catch(() => {})
  }

  #startAgain(): void {
    if (this.#closed) return
    this.run().catch((error: unknown) => {
      this.#tell(() => this.#listener.failed(error))
      setTimeout(() => this.#startAgain(), startAgainMs).unref()
    })
  }

  /** Of a batch with marks of transactions alone, or what they aborted, the client tells only so that it came. */
  #passedOver({ topic, partition, batchSize, firstOffset, lastOffset }: KafkaJsBatchEnd): void {
    if (this.#closed || batchSize > 0) return
    const place = { topic, partition }
    const last = Number(lastOffset)
    const answer = this.#positions.passedOver(place, Number(firstOffset ?? last), last)
    if (answer === 'ask again') {
      const offset = String(this.#positions.next(place))
      this.#consumer.seek({ topic, partition, offset })
    }
    if (answer === 'go on') this.#listener.entries(place, [], last + 1)
  }

  #joined({ memberId, memberAssignment }: KafkaJsJoin): void {
    const places = Object.entries(memberAssignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    )
    this.#assignments++
    // Where it was late to ask for its part in one generation it has joined the next: others may have had it meanwhile.
    const hasMissed = this.#generations > 1
    this.#generations = 0
    // These are paused from here on, like all others.
    this.#holds.releaseAll()
    this.#tell(() => {
      // It would begin where the group has committed; the listener knows what was read beyond that.
      for (const place of places) this.pause(place)
      // Under a new name it had been thrown out, and others may have had its partitions.
      if (memberId !== this.#memberId || hasMissed) this.#listener.assigned([])
      this.#memberId = memberId
      this.#listener.assigned(places)
    })
  }

  #tell(what: () => void): void {
    if (!this.#closed) what()
  }
}

/** A number that the check is asked for each time that it is written into a request. */
function checkedNumber(value: number, check: () => void): number {
  const checked = {
    [Symbol.toPrimitive](hint: string) {
      if (hint === 'number') check()
      return value
    },
  }
  return checked as unknown as number
}

function handedOver(): Error {
  const error = new Error('The partitions have been given out anew since this was to be committed.')
  return Object.assign(error, { type: 'ILLEGAL_GENERATION', retriable: false })
}
