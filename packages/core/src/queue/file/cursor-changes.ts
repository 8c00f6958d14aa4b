import type { AttemptState } from '../../consumer/consumer.ts'
import { WalError } from '../../errors.ts'
import type { SequenceRange } from './cursor-acked.ts'
import { ByteReader, ByteWriter } from './cursor-bytes.ts'

/**
 * What can happen to a cursor. Its journal is a list of these, each one a byte and then:
 *
 *   1 acked     ranges
 *   2 begun     when (ms since the Unix epoch), ranges
 *   3 attempts  sequence, the state as JSON, or an empty text for "never tried, nothing begun"
 */
export interface CursorChanges {
  acked(range: SequenceRange): void
  /** An attempt was about to begin. Says nothing of sequences that are acked. */
  begun(range: SequenceRange, at: number): void
  /** What is known of the attempts now; none is under way. */
  attempts(sequence: number, state: AttemptState | undefined): void
}

const ackedCode = 1
const begunCode = 2
const attemptsCode = 3

/** Gathers changes until they are written. Neighbouring sequences become one range. */
export class PendingChanges {
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

  /** The changes gathered since the last time, as one entry's body. */
  take(): Buffer {
    this.#finish()
    return this.#writer.take()
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
    if (code === ackedCode) {
      for (const range of reader.ranges()) changes.acked(range)
    } else if (code === begunCode) {
      const at = reader.number()
      for (const range of reader.ranges()) changes.begun(range, at)
    } else if (code === attemptsCode) {
      const sequence = reader.number()
      const json = reader.text()
      changes.attempts(sequence, json === '' ? undefined : JSON.parse(json))
    } else {
      throw new WalError(
        'ERR_FUTURE_FORMAT',
        `A cursor has a change of kind ${code}, which a later version of this library has written. ` +
          'Nothing was changed. Use that version or a later one.',
      )
    }
  }
}
