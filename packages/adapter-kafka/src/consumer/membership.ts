import { WalError } from '@daybook/core'
import type {
  KafkaCommit,
  KafkaEntry,
  KafkaGroup,
  KafkaGroupListener,
  KafkaPlace,
} from '../kafka-client.ts'
import { isDenied, isHandover, kafkaError } from '../kafka-errors.ts'
import { nameOf } from '../places.ts'
import type { QueueParts } from '../queue-parts.ts'
import { Committer } from './committer.ts'
import { Partition } from './partition.ts'

/** What a membership tells its owner. */
export interface MembershipListener {
  /** An entry that is not done with; it calls `partition.add` or `skip`. */
  entry(partition: Partition, entry: KafkaEntry): void
  /** There may be something to hand out, or nothing any more. */
  changed(): void
}

/** What is read, and how far ahead of what is handed out, per partition. */
export interface Reading {
  readonly topics: readonly string[]
  readonly bufferRecords: number
  readonly bufferBytes: number
  /**
   * True: where the runs would no longer fit into the commit's metadata, reading waits until they do.
   * False: it goes on, and after a handover those that did not fit are given again.
   */
  readonly waitsForRuns: boolean
}

/** Offsets from one up to, and without, another, of which nothing came; so many were not done with. */
interface Gap {
  readonly from: number
  readonly to: number
  readonly open: number
}

/** A partition is read no further while its runs take up so much of the commit's metadata. */
const mostRunsLength = 2_400

/** More than a topic has. */
const mostPartitions = 1_000_000

/** So often it is asked in vain how far a group is before anybody is told. */
const patientTries = 7

const longestAskMs = 1_000

/** How long the last commit may take, in ms. */
const lastCommitMs = 5_000

/**
 * One member of a group, and the partitions that are its own: loads how far the group is, reads as
 * far as there is room, commits what is done. It commits nothing for a partition that it does not
 * own, nor between the announcement of a rebalance and its end.
 */
export class Membership implements KafkaGroupListener {
  readonly #parts: QueueParts
  readonly #name: string
  readonly #reading: Reading
  readonly #listener: MembershipListener
  readonly #committer: Committer
  readonly #partitions = new Map<string, Partition>()
  /** Of these something is to be committed. */
  readonly #dirty = new Set<Partition>()
  #ordered: readonly Partition[] = []
  #group: KafkaGroup | undefined
  /** Ends once it is known how far the group is in what was assigned last. */
  #loading: Promise<void> = Promise.resolve()
  #isRebalancing = false
  #isJoining = true
  /** The broker's refusal of what it did first. */
  #denial: unknown
  #left = false
  #leaving: Promise<void> | undefined

  constructor(
    parts: QueueParts,
    name: string,
    listener: MembershipListener,
    reading: Reading = {
      ...parts.options,
      waitsForRuns: true,
    },
  ) {
    this.#parts = parts
    this.#name = name
    this.#reading = reading
    this.#listener = listener
    this.#committer = new Committer({
      clock: parts.context.clock,
      collect: () => this.#collect(),
      commit: (commits) => this.#commit(commits),
      isPassing: isHandover,
      failed: (error) => this.failed(error),
    })
  }

  /** Those that are loaded, each in its place. */
  get partitions(): readonly Partition[] {
    return this.#ordered
  }

  /** Resolves once it is a member, and knows how far the group is. */
  async join(): Promise<void> {
    const { client, options } = this.#parts
    const { topics } = this.#reading
    const how = { group: this.#name, topics, sessionTimeoutMs: options.sessionTimeoutMs }
    try {
      this.#group = await client.group(how, this)
    } catch (error) {
      throw kafkaError(`The group "${this.#name}" cannot be joined`, error)
    }
    // What was assigned and loaded meanwhile had nobody yet to read it.
    for (const { place, next } of this.#ordered) this.#group.read(place, next)
    await this.#loading
    await this.#tryToCommit()
  }

  /** What it has come to is committed once more: who may not read learns it here, and not from an event. */
  async #tryToCommit(): Promise<void> {
    await this.commitNow(this.#ordered)
    this.#isJoining = false
    if (this.#denial === undefined) return
    // A member that nobody asks would keep its partitions from everybody else.
    await this.leave().catch(() => {})
    throw kafkaError(`The group "${this.#name}" may not read or commit`, this.#denial)
  }

  /** Commits before long what has been done in these. */
  somethingDone(partitions: Iterable<Partition>): void {
    for (const partition of partitions) {
      this.#dirty.add(partition)
      this.readOn(partition)
    }
    this.#committer.soon()
  }

  /** Resolves after a commit that has what was noted in these; it may have failed. */
  commitNow(partitions: Iterable<Partition>): Promise<void> {
    for (const partition of partitions) this.#dirty.add(partition)
    return this.#committer.now()
  }

  /** Reads on in a partition where there is room again. */
  readOn(partition: Partition): void {
    if (!partition.isPaused || partition.isLost || this.#fullness(partition) > 0.5) return
    partition.isPaused = false
    this.#group?.read(partition.place, partition.next)
  }

  /** Commits what is done, and leaves. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  async #leave(): Promise<void> {
    this.#left = true
    for (const partition of this.#ordered) partition.clearMarks()
    for (const partition of this.#ordered) this.#dirty.add(partition)
    await this.#lastCommit()
    await this.#group?.close()
  }

  /** A broker that says nothing is not waited for: what it does not store is given again. */
  async #lastCommit(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = this.#parts.context.clock.setTimer(lastCommitMs, resolve)
    await Promise.race([this.#committer.close(), late])
    timer.cancel()
  }

  assigned(places: readonly KafkaPlace[]): void {
    this.#isRebalancing = false
    const kept = new Set(places.map(nameOf))
    for (const [name, partition] of this.#partitions) {
      if (kept.has(name)) continue
      this.#partitions.delete(name)
      this.#dirty.delete(partition)
      partition.lose()
    }
    const gained: Partition[] = []
    for (const place of places) {
      const known = this.#partitions.get(nameOf(place))
      const partition = known ?? new Partition(place)
      this.#partitions.set(nameOf(place), partition)
      // What a client holds paused it keeps paused, also for an owner that knows nothing of it.
      if (known?.isLoaded && !known.isPaused) this.#group?.read(place, known.next)
      else if (known === undefined) gained.push(partition)
    }
    this.#order()
    if (gained.length > 0) this.#loading = this.#load(gained)
    // What was done with in the meantime is still to be told.
    if (this.#dirty.size > 0) this.#committer.soon()
    this.#listener.changed()
  }

  rebalancing(): void {
    for (const partition of this.#ordered) partition.clearMarks()
    // On its way before the client asks to join anew, and so in the old generation.
    void this.commitNow(this.#ordered)
    this.#isRebalancing = true
  }

  entries(place: KafkaPlace, entries: readonly KafkaEntry[], next: number): void {
    const partition = this.#partitions.get(nameOf(place))
    if (!partition?.isLoaded) return
    const before = partition.committed
    const from = partition.next
    const to = entries[0]?.offset ?? next
    if (to > from)
      void this.#tellOfGap(partition, {
        from,
        to,
        open: partition.openBelow(to) - partition.openBelow(from),
      })
    for (const entry of entries) {
      if (partition.expects(entry.offset)) this.#listener.entry(partition, entry)
    }
    if (entries.length === 0 || next > partition.next) partition.readUpTo(next)
    if (partition.committed > before) {
      this.#dirty.add(partition)
      this.#committer.soon()
    }
    if (!partition.isPaused && this.#fullness(partition) >= 1) {
      partition.isPaused = true
      this.#group?.pause(place)
    }
    this.#listener.changed()
  }

  failed(error: unknown): void {
    if (this.#left) return
    // It may be told by the first fetch, and have lost its partitions by that, before it commits.
    if (this.#isJoining && isDenied(error)) {
      this.#denial = error
      return
    }
    const { context } = this.#parts
    context.reportError(kafkaError(`Consuming in the group "${this.#name}"`, error))
  }

  /** How much of what it may hold a partition holds: from 1 on it is not read. */
  #fullness(partition: Partition): number {
    const { bufferRecords, bufferBytes, waitsForRuns } = this.#reading
    const { records, bytes } = partition.waiting
    const runsLength = waitsForRuns ? partition.runsLength : 0
    return Math.max(records / bufferRecords, bytes / bufferBytes, runsLength / mostRunsLength)
  }

  /** Looks up how far the group is, until it is known, and begins to read. */
  async #load(gained: readonly Partition[]): Promise<void> {
    for (const topic of this.#reading.topics) {
      let mine = gained.filter(({ place }) => place.topic === topic)
      for (let tries = 1; mine.length > 0; tries++) {
        try {
          const committed = await this.#parts.admin.committed(this.#name, topic)
          const bounds = await this.#parts.admin.bounds(topic)
          for (const partition of mine) {
            const { partition: number } = partition.place
            const commit = committed.get(number)
            const first = bounds[number]?.first ?? 0
            partition.load(commit?.offset ?? first, commit?.metadata ?? '')
            this.#passOver(partition, first)
            if (!partition.isLost) this.#group?.read(partition.place, partition.next)
          }
          mine = []
        } catch (error) {
          // A partition that has just been made or moved is known everywhere only after a moment.
          if (tries === patientTries) this.failed(error)
          await this.#parts.pause(Math.min(longestAskMs, 25 * 2 ** tries))
          mine = mine.filter(({ isLost }) => !isLost && !this.#left)
        }
      }
    }
    this.#order()
    this.#listener.changed()
  }

  /** What the broker has removed cannot be read: to ask for it would be to ask for ever. */
  #passOver(partition: Partition, first: number): void {
    const gone = partition.openBelow(first)
    partition.readUpTo(first)
    if (gone === 0) return
    this.#tellOfRemoval(partition, gone, first)
    this.#dirty.add(partition)
    this.#committer.soon()
  }

  /**
   * Reading has gone from one offset to a later one. Between them there may have been marks of transactions,
   * and what compaction has left out; but not where the broker keeps nothing so old any more.
   */
  async #tellOfGap(partition: Partition, { from, to, open }: Gap): Promise<void> {
    if (open === 0) return
    const { topic, partition: number } = partition.place
    try {
      const first = (await this.#parts.admin.bounds(topic))[number]?.first ?? 0
      const gone = Math.min(open, Math.min(first, to) - from)
      if (gone > 0) this.#tellOfRemoval(partition, gone, Math.max(first, to))
    } catch (error) {
      this.failed(error)
    }
  }

  #tellOfRemoval({ place }: Partition, gone: number, goesOnAt: number): void {
    const { topic, partition: number } = place
    const text =
      `The broker has removed ${gone} offsets of ${topic}, partition ${number}, before the group ` +
      `"${this.#name}" was done with them. It goes on at ${goesOnAt}. Raise the topic's retention.ms.`
    this.#parts.context.reportError(new WalError('ERR_NOT_KEPT', text))
  }

  #order(): void {
    const loaded = [...this.#partitions.values()].filter(({ isLoaded }) => isLoaded)
    this.#ordered = loaded.sort((a, b) => this.#rank(a.place) - this.#rank(b.place))
  }

  #rank({ topic, partition }: KafkaPlace): number {
    return this.#reading.topics.indexOf(topic) * mostPartitions + partition
  }

  #collect(): readonly KafkaCommit[] {
    if (this.#isRebalancing || this.#group === undefined) return []
    const dirty = [...this.#dirty]
    this.#dirty.clear()
    const owned = dirty.filter((partition) => partition.isLoaded && !partition.isLost)
    return owned.map((partition) => ({ ...partition.place, ...partition.commit() }))
  }

  async #commit(commits: readonly KafkaCommit[]): Promise<void> {
    try {
      await this.#group?.commit(commits)
      for (const { offset, ...place } of commits) {
        const partition = this.#partitions.get(nameOf(place))
        if (partition) partition.saved = offset
      }
    } catch (error) {
      for (const partition of this.#ordered) this.#dirty.add(partition)
      throw error
    }
  }
}
