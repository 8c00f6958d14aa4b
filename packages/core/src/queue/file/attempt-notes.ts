import type { Clock, Timer } from '../../clock.ts'
import type { Cursor } from './cursor.ts'
import type { FileLease } from './file-lease.ts'

/** From this size on a batch has a write of its own for its notes, and none are made ahead of it. */
const largeBatch = 16

/** With so few left that are noted ahead others are noted, if they are as many: later whoever begins would wait for that. */
const fewAhead = 4
const worthAWrite = 8

/** Longest time, in ms, for which a record is noted whose attempt has not begun: then the note is taken back. */
const aheadForMs = 20

interface NoteAhead {
  /** By the monotonic clock. */
  readonly madeAt: number
  readonly written: Promise<void>
}

/**
 * Notes in the cursor which attempts are under way, for a process that dies of one of them.
 *
 * A target that takes its records one by one would wait for a write before each of them. So those that
 * will most likely follow at once are noted with the one that begins, and then begin without a
 * write. Dying meanwhile costs them an attempt, as it does those that are under way beside the guilty one.
 */
export class AttemptNotes {
  readonly #cursor: Cursor
  readonly #clock: Clock
  readonly #onWrite: () => void
  /** Of those that have not begun, the oldest first. */
  readonly #ahead = new Map<FileLease, NoteAhead>()
  #timer: Timer | undefined

  /** `onWrite` is told of each write that was asked for: it takes whatever waits to be written. */
  constructor(cursor: Cursor, clock: Clock, onWrite: () => void) {
    this.#cursor = cursor
    this.#clock = clock
    this.#onWrite = onWrite
  }

  /** Resolves once the attempts of all of these are noted. `soon` answers what will most likely begin next. */
  begin(leases: readonly FileLease[], soon: () => readonly FileLease[]): Promise<void> {
    const notes: NoteAhead[] = []
    const unnoted: FileLease[] = []
    for (const lease of leases) {
      const note = this.#take(lease)
      if (note === undefined) unnoted.push(lease)
      else notes.push(note)
    }
    if (unnoted.length > 0) {
      return this.#note(unnoted, leases.length < largeBatch ? this.#unnotedOf(soon()) : [])
    }
    if (this.#ahead.size <= fewAhead) {
      const following = this.#unnotedOf(soon())
      if (following.length >= worthAWrite) void this.#note([], following)
    }
    const [first] = notes
    return notes.length === 1 && first ? first.written : allWritten(notes)
  }

  /** Takes no note back any more: whoever closes the cursor takes back all of them. */
  close(): void {
    this.#timer?.cancel()
    this.#ahead.clear()
  }

  /** The note made ahead of its attempt. One that is gone since, as the record was given back, counts no more. */
  #take(lease: FileLease): NoteAhead | undefined {
    const note = this.#ahead.get(lease)
    if (note !== undefined) this.#ahead.delete(lease)
    return this.#cursor.isUnderWay(lease.sequence) ? note : undefined
  }

  /** A write takes all that was noted before it is written, so it is that of earlier notes, too. */
  #note(leases: readonly FileLease[], following: readonly FileLease[]): Promise<void> {
    const now = this.#clock.now()
    for (const { sequence } of leases) this.#cursor.begin(sequence, now)
    for (const { sequence } of following) this.#cursor.begin(sequence, now)
    const note = { madeAt: this.#clock.monotonic(), written: this.#cursor.write() }
    this.#onWrite()
    for (const lease of following) {
      this.#ahead.delete(lease) // or it would keep the place of an older note
      this.#ahead.set(lease, note)
    }
    if (following.length > 0) this.#timer ??= this.#lookIn(aheadForMs)
    return note.written
  }

  #unnotedOf(leases: readonly FileLease[]): readonly FileLease[] {
    return leases.filter(({ sequence }) => !this.#cursor.isUnderWay(sequence))
  }

  #lookIn(delayMs: number): Timer {
    return this.#clock.setTimer(delayMs, () => this.#takeBack(), { unref: true })
  }

  #takeBack(): void {
    this.#timer = undefined
    const now = this.#clock.monotonic()
    let isChanged = false
    for (const [lease, { madeAt }] of this.#ahead) {
      const leftMs = madeAt + aheadForMs - now
      if (leftMs > 0) {
        this.#timer = this.#lookIn(leftMs)
        break
      }
      this.#ahead.delete(lease)
      this.#cursor.takeBack(lease.sequence)
      isChanged = true
    }
    if (isChanged) void this.#cursor.write()
  }
}

async function allWritten(notes: readonly NoteAhead[]): Promise<void> {
  for (const { written } of notes) await written
}
