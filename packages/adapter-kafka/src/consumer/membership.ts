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
import { Removals } from './removals.ts'
import { Standing } from './standing.ts'

/** What a membership tells its owner. */
export interface MembershipListener {
  /** An entry that is not done with; it calls `partition.add` or `skip`. */
  entry(partition: Partition, entry: KafkaEntry): void
  /** A partition was loaded. What it answers resolves once its topic may be read; undefined: at once. */
  begin?(partition: Partition): Promise<void> | undefined
  /** A partition whose topic may not be read yet has room. */
  readOn?(partition: Partition): void
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

/** A partition is read no further while its runs take up so much of the commit's metadata. */
const mostRunsLength = 2_400

/** More than a topic has. */
const mostPartitions = 1_000_000

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
  readonly #removals: Removals
  readonly #partitions = new Map<string, Partition>()
  /** Of these something is to be committed. */
  readonly #dirty = new Set<Partition>()
  /** Kept over a rebalance, and not yet known to have been its own throughout; with the check that is under way. */
  readonly #unsure = new Map<Partition, object>()
  readonly #standing: Standing
  /** Those of the commit that was made up last. */
  #committing: readonly Partition[] = []
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
    this.#standing = new Standing({
      ...{ parts, group: name, topics: reading.topics },
      failed: (error) => this.failed(error),
      isOver: () => this.#left,
    })
    this.#removals = new Removals(parts, name, (error) => this.failed(error))
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
    for (const partition of this.#ordered) this.#read(partition)
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
    if (partition.isHandingOut) {
      this.#listener.readOn?.(partition)
      return
    }
    if (!partition.isPaused || partition.isLost || this.#fullness(partition) > 0.5) return
    partition.isPaused = false
    this.#group?.read(partition.place, partition.next)
  }

  /** True from when it begins to leave. */
  get hasLeft(): boolean {
    return this.#left
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
    await this.#committer.close()
    await this.#group?.close()
  }

  assigned(places: readonly KafkaPlace[]): void {
    this.#isRebalancing = false
    const given = new Set(places.map(nameOf))
    for (const [name, partition] of this.#partitions) {
      // Of one that is being loaded it is not known in which generation it was asked how far the group is.
      if (!given.has(name) || !partition.isLoaded) this.#lose(partition)
    }
    const kept = [...this.#partitions.values()]
    const missing = places.filter((place) => !this.#partitions.has(nameOf(place)))
    // What a client holds paused it keeps paused, also for an owner that knows nothing of it.
    for (const partition of kept) if (!partition.isPaused) this.#read(partition)
    this.#order()
    const gained = missing.map((place) => this.#gain(place))
    if (places.length > 0) this.#loading = this.#load([...kept, ...gained])
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
    // A batch that was on its way before its topic may be read is asked for again.
    if (!partition?.isLoaded || partition.isHandingOut) return
    const before = partition.committed
    const from = partition.next
    const to = entries[0]?.offset ?? next
    if (to > from)
      void this.#removals.tellOfGap(partition, {
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

  /**
   * Looks up how far the group is, until it is known, and begins to read what was gained. Of what was kept it is asked,
   * too: a member that was late to ask for its part in one generation is told of the next one only, and another may
   * have had its partitions in between. The group's commits say so; until they have, none of its own may hide them.
   */
  async #load(partitions: readonly Partition[]): Promise<void> {
    const check = {}
    for (const one of partitions) if (one.isLoaded) this.#unsure.set(one, check)
    const again: Promise<void>[] = []
    await this.#standing.ask(partitions, (partition, commit, first) => {
      if (partition.isLoaded) {
        // It was lost, or kept once more, since.
        if (this.#unsure.get(partition) !== check) return
        if (commit !== undefined && !partition.changes.isOwn(commit)) {
          again.push(this.#load([this.#anew(partition)]))
          return
        }
        this.#unsure.delete(partition)
        this.somethingDone([partition])
        return
      }
      partition.load(commit?.offset ?? first, commit?.metadata ?? '')
      if (this.#removals.passOver(partition, first)) this.somethingDone([partition])
      this.#begin(partition)
    })
    this.#order()
    this.#listener.changed()
    await Promise.all(again)
  }

  /** Somebody else has had it: it is his state that counts. */
  #anew(partition: Partition): Partition {
    this.#lose(partition)
    this.#order()
    this.#group?.pause(partition.place)
    return this.#gain(partition.place)
  }

  #gain(place: KafkaPlace): Partition {
    const partition = new Partition(place)
    this.#partitions.set(nameOf(place), partition)
    return partition
  }

  #lose(partition: Partition): void {
    this.#partitions.delete(nameOf(partition.place))
    this.#dirty.delete(partition)
    this.#unsure.delete(partition)
    partition.lose()
  }

  #begin(partition: Partition): void {
    const before = this.#listener.begin?.(partition)
    partition.isHandingOut = before !== undefined
    this.#read(partition)
    void before?.then(() => {
      partition.isHandingOut = false
      this.#read(partition)
    })
  }

  #read(partition: Partition): void {
    if (partition.isHandingOut || partition.isLost || this.#left) return
    this.#group?.read(partition.place, partition.next)
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
    const dirty = [...this.#dirty].filter((partition) => !this.#unsure.has(partition))
    for (const partition of dirty) this.#dirty.delete(partition)
    this.#committing = dirty.filter((partition) => partition.isLoaded && !partition.isLost)
    return this.#committing.map((partition) => ({ ...partition.place, ...partition.commit() }))
  }

  async #commit(commits: readonly KafkaCommit[]): Promise<void> {
    const committing = this.#committing
    try {
      await this.#group?.commit(commits)
      for (const [at, { offset }] of commits.entries()) {
        const partition = committing[at]
        if (partition) partition.saved = offset
      }
    } catch (error) {
      for (const partition of this.#ordered) this.#dirty.add(partition)
      throw error
    }
  }
}
