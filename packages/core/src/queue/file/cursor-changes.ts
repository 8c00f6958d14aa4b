import type { AttemptState } from '../../consumer/consumer.ts'
import { WalError } from '../../errors.ts'
import type { SequenceRange } from './cursor-acked.ts'
import { ByteReader, ByteWriter } from './cursor-bytes.ts'
import type { ScheduleChanges } from './cursor-schedule.ts'

/**
 * What can happen to a cursor. Its journal is a list of these, each one a byte and then:
 *
 *   1 acked     ranges
 *   2 begun     when (ms since the Unix epoch), ranges
 *   3 attempts  sequence, the state as JSON, or an empty text for "never tried, nothing begun"
 *
 * and those of its schedule, see `ScheduleChanges`:
 *
 *   4 run added         its number, its salt
 *   5 scheduled         ranges: they are in the runs, and need not be read in the log again
 *   6 run removed       its number
 *   7 floor raised      the run's number, a block: all before that is done with
 *   8 gone              the run's number, a block, so many more in it are done with before their time
 *   9 schedule dropped
 */
export interface CursorChanges extends ScheduleChanges {
  acked(range: SequenceRange): void
  /** An attempt was about to begin. Says nothing of sequences that are acked. */
  begun(range: SequenceRange, at: number): void
  /** What is known of the attempts now; none is under way. */
  attempts(sequence: number, state: AttemptState | undefined): void
}

const ackedCode = 1
const begunCode = 2
const attemptsCode = 3
const runAddedCode = 4
const scheduledCode = 5
const runRemovedCode = 6
const floorRaisedCode = 7
const goneCode = 8
const scheduleDroppedCode = 9

/** Gathers changes until they are written. Neighbouring sequences become one range. */
export class PendingChanges implements ScheduleChanges {
  readonly #writer = new ByteWriter()
  /** The kind of change that is being gathered; 0 for none. */
  #code = 0
  #at = 0
  #ranges: [number, number][] = []

  get empty(): boolean {
    return this.#code === 0 && this.#writer.length === 0
  }

  acked(sequence: number): void {
    if (this.#code !== ackedCode) this.#start(ackedCode, 0)
    this.#add(sequence, sequence)
  }

  ackedRange([from, to]: SequenceRange): void {
    if (this.#code !== ackedCode) this.#start(ackedCode, 0)
    this.#add(from, to)
  }

  begun(sequence: number, at: number): void {
    if (this.#code !== begunCode || this.#at !== at) this.#start(begunCode, at)
    this.#add(sequence, sequence)
  }

  attempts(sequence: number, state: AttemptState | undefined): void {
    this.#finish()
    this.#writer.number(attemptsCode)
    this.#writer.number(sequence)
    this.#writer.text(state ? JSON.stringify(state) : '')
  }

  runAdded(number: number, salt: number): void {
    this.#numbers(runAddedCode, number, salt)
  }

  scheduled([from, to]: SequenceRange): void {
    if (this.#code !== scheduledCode) this.#start(scheduledCode, 0)
    this.#add(from, to)
  }

  runRemoved(number: number): void {
    this.#numbers(runRemovedCode, number)
  }

  floorRaised(number: number, block: number): void {
    this.#numbers(floorRaisedCode, number, block)
  }

  gone(number: number, block: number, count: number): void {
    this.#numbers(goneCode, number, block, count)
  }

  scheduleDropped(): void {
    this.#numbers(scheduleDroppedCode)
  }

  /** The changes gathered since the last time, as one entry's body. */
  take(): Buffer {
    this.#finish()
    return this.#writer.take()
  }

  #numbers(...numbers: readonly number[]): void {
    this.#finish()
    for (const number of numbers) this.#writer.number(number)
  }

  #add(from: number, to: number): void {
    const last = this.#ranges[this.#ranges.length - 1]
    if (last && from === last[1] + 1) last[1] = to
    else this.#ranges.push([from, to])
  }

  #start(code: number, at: number): void {
    this.#finish()
    this.#code = code
    this.#at = at
  }

  #finish(): void {
    if (this.#code === 0) return
    this.#writer.number(this.#code)
    if (this.#code === begunCode) this.#writer.number(this.#at)
    this.#writer.ranges(this.#ranges)
    this.#code = 0
    this.#ranges = []
  }
}

/**
 * Tells `changes` what an entry says. Throws `ERR_CORRUPT_LOG` if it is not well formed, and
 * `ERR_FUTURE_FORMAT` for a kind of change this version does not know.
 */
export function readChanges(body: Buffer, changes: CursorChanges): void {
  const reader = new ByteReader(body)
  while (!reader.done) {
    const code = reader.number()
    const read = readers.get(code)
    if (!read) throw unknownChange(code)
    read(reader, changes)
  }
}

const readers: ReadonlyMap<number, (reader: ByteReader, changes: CursorChanges) => void> = new Map([
  [ackedCode, (reader, to) => each(reader.ranges(), (range) => to.acked(range))],
  [begunCode, readBegun],
  [attemptsCode, readAttempts],
  [runAddedCode, (reader, to) => to.runAdded(reader.number(), reader.number())],
  [scheduledCode, (reader, to) => each(reader.ranges(), (range) => to.scheduled(range))],
  [runRemovedCode, (reader, to) => to.runRemoved(reader.number())],
  [floorRaisedCode, (reader, to) => to.floorRaised(reader.number(), reader.number())],
  [goneCode, (reader, to) => to.gone(reader.number(), reader.number(), reader.number())],
  [scheduleDroppedCode, (_, to) => to.scheduleDropped()],
])

function readBegun(reader: ByteReader, changes: CursorChanges): void {
  const at = reader.number()
  for (const range of reader.ranges()) changes.begun(range, at)
}

function readAttempts(reader: ByteReader, changes: CursorChanges): void {
  const sequence = reader.number()
  const json = reader.text()
  changes.attempts(sequence, json === '' ? undefined : JSON.parse(json))
}

function each<T>(items: Iterable<T>, run: (item: T) => void): void {
  for (const item of items) run(item)
}

function unknownChange(code: number): WalError {
  return new WalError(
    'ERR_FUTURE_FORMAT',
    `A cursor has a change of kind ${code}, which a later version of this library has written. ` +
      'Nothing was changed. Use that version or a later one.',
  )
}
