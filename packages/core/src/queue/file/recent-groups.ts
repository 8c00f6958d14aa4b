import { type Group, giveFrameBuffer } from './group.ts'
import { addressOf, type LogSegment } from './log-segments.ts'
import { noBuffer } from './spare-buffers.ts'

/** A durable group whose frames are in memory, as they are in its segment. */
export interface RecentGroup {
  readonly segment: LogSegment
  /** Where its first frame is in the segment. */
  readonly offset: number
  /** Of its first record. */
  readonly sequence: number
  /** Of the first record behind it. */
  readonly nextSequence: number
  /** Begins with its frames, and nobody writes to it. Empty once the group is let go. */
  buffer: Buffer
  /** What the frames take of it. */
  readonly bytes: number
  readonly owner: RecentGroups
}

/** A reader that keeps reading as the log grows. */
export interface Follower {
  /** The sequence it reads next. */
  readonly position: number
  /** The address of that record, or a lower one. */
  readonly address: number
}

/** What the groups of one log may take of memory, in bytes, if nothing else is said. */
export const defaultRecentBytes = 8 << 20
/** And those of all logs of the process. */
const mostBytesOfAll = 64 << 20
/**
 * A group counts with so much at least: beside its frames it takes objects here and at the allocator, and
 * time when many go at once. So a log has at most 4,096 of them in its 8 MiB.
 */
const leastBytesOfGroup = 2048
let bytesOfAll = 0
/** Of all logs, the oldest first. */
const groupsOfAll = new Set<RecentGroup>()

/**
 * The newest groups of a log, as they were encoded, from when they are durable until every follower that is
 * near has read them: it need not have the disk's bytes read, checked and brought to this core again.
 *
 * A follower is near if no more bytes lie between it and the end of the log than groups may take. Where
 * none is, nothing is kept: a log that nobody follows, or whose followers have read all there is, takes no
 * memory. What is not kept is read from the file; so a group may go at any time, and none is ever waited for.
 */
export class RecentGroups {
  readonly #mostBytes: number
  readonly #followers = new Set<Follower>()
  /** The oldest first, from `#first` on. Those before it have been let go. */
  readonly #groups: RecentGroup[] = []
  #first = 0
  /** What those that are kept count with. */
  #bytes = 0
  /** Address of the end of the newest group, kept or not. */
  #end = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** What they take of memory, with 2 KiB at least for each. */
  get bytes(): number {
    return this.#bytes
  }

  follow(follower: Follower): void {
    this.#followers.add(follower)
  }

  /** To be called at the follower's end. */
  leave(follower: Follower): void {
    this.#followers.delete(follower)
    this.letGoOfRead()
  }

  /** To be called with each group once it is durable. Takes its buffer if a follower is near. */
  add(group: Group, segment: LogSegment): void {
    const { offset, sequence } = group.place
    this.#end = addressOf(segment, offset + group.byteLength)
    this.letGoOfRead()
    if (this.#wantedFrom === Number.POSITIVE_INFINITY) return
    const bytes = group.byteLength
    const buffer = bytes > this.#mostBytes ? undefined : group.takeFrames(this.#mostBytes)
    if (buffer === undefined) return
    const nextSequence = sequence + group.records
    this.#add({ segment, offset, sequence, nextSequence, buffer, bytes, owner: this })
  }

  /** The one that has this record. */
  holding(sequence: number): RecentGroup | undefined {
    let low = this.#first
    let high = this.#groups.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const group = this.#groups[middle] as RecentGroup
      if (sequence < group.sequence) high = middle
      else if (sequence < group.nextSequence) return group
      else low = middle + 1
    }
    return undefined
  }

  /** Lets go of what no follower that is near has still to read. */
  letGoOfRead(): void {
    if (this.#oldest === undefined) return
    const wantedFrom = this.#wantedFrom
    this.#letGoWhile(({ nextSequence }) => nextSequence <= wantedFrom)
  }

  /** These segments are no longer part of the log. */
  async letGo(segments: readonly LogSegment[]): Promise<void> {
    this.#letGoWhile(({ segment }) => segments.includes(segment))
  }

  /** Lets go of all of them. Nothing is to be added any more. */
  close(): void {
    this.#followers.clear()
    this.letGoOfRead()
  }

  /** The lowest sequence that a follower which is near reads next; Infinity if none is. */
  get #wantedFrom(): number {
    let from = Number.POSITIVE_INFINITY
    for (const { position, address } of this.#followers) {
      if (this.#end - address <= this.#mostBytes && position < from) from = position
    }
    return from
  }

  get #oldest(): RecentGroup | undefined {
    return this.#groups[this.#first]
  }

  #add(group: RecentGroup): void {
    const bytes = countedBytes(group)
    this.#groups.push(group)
    this.#bytes += bytes
    groupsOfAll.add(group)
    bytesOfAll += bytes
    this.#letGoWhile(() => this.#bytes > this.#mostBytes)
    if (bytesOfAll <= mostBytesOfAll) return
    for (const { owner } of groupsOfAll) {
      owner.#letGoOfOldest()
      if (bytesOfAll <= mostBytesOfAll) return
    }
  }

  #letGoWhile(goes: (oldest: RecentGroup) => boolean): void {
    for (let oldest = this.#oldest; oldest && goes(oldest); oldest = this.#oldest) {
      this.#letGoOfOldest()
    }
  }

  #letGoOfOldest(): void {
    const group = this.#oldest
    if (group === undefined) return
    const bytes = countedBytes(group)
    groupsOfAll.delete(group)
    this.#bytes -= bytes
    bytesOfAll -= bytes
    giveFrameBuffer(group.buffer)
    group.buffer = noBuffer
    this.#first += 1
    // Not each time: of a long array all would be moved for every one that goes.
    if (this.#first * 2 < this.#groups.length) return
    this.#groups.splice(0, this.#first)
    this.#first = 0
  }
}

/** While it has its buffer. */
function countedBytes({ buffer }: RecentGroup): number {
  return Math.max(buffer.length, leastBytesOfGroup)
}
