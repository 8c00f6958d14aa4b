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
  /** The oldest first. */
  readonly #groups: RecentGroup[] = []
  /** Size of their buffers. */
  #bytes = 0
  /** Address of the end of the newest group, kept or not. */
  #end = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** What they take of memory. */
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
    const group = this.#groups.find(({ nextSequence }) => sequence < nextSequence)
    return group !== undefined && sequence >= group.sequence ? group : undefined
  }

  /** Lets go of what no follower that is near has still to read. */
  letGoOfRead(): void {
    if (this.#groups.length === 0) return
    const wantedFrom = this.#wantedFrom
    for (let [oldest] = this.#groups; oldest; [oldest] = this.#groups) {
      if (oldest.nextSequence > wantedFrom) return
      this.#letGoOfOldest()
    }
  }

  /** These segments are no longer part of the log. */
  async letGo(segments: readonly LogSegment[]): Promise<void> {
    while (this.#groups[0] && segments.includes(this.#groups[0].segment)) this.#letGoOfOldest()
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

  #add(group: RecentGroup): void {
    const bytes = group.buffer.length
    this.#groups.push(group)
    this.#bytes += bytes
    groupsOfAll.add(group)
    bytesOfAll += bytes
    while (this.#bytes > this.#mostBytes) this.#letGoOfOldest()
    for (const oldest of groupsOfAll) {
      if (bytesOfAll <= mostBytesOfAll) break
      oldest.owner.#letGoOfOldest()
    }
  }

  #letGoOfOldest(): void {
    const group = this.#groups.shift()
    if (group === undefined) return
    groupsOfAll.delete(group)
    this.#bytes -= group.buffer.length
    bytesOfAll -= group.buffer.length
    giveFrameBuffer(group.buffer)
    group.buffer = noBuffer
  }
}
