import { isDeepStrictEqual } from 'node:util'
import type { Durable } from '../../src/producer/producer.ts'
import type { LogEntry } from '../../src/queue/file/log.ts'
import type { StoredRecord } from '../../src/record.ts'

/** A record that somebody appended, and what was said of it; `pending` if nothing was. */
interface Written {
  readonly record: StoredRecord
  readonly writer: number
  readonly order: number
  answer: Durable | 'pending'
  /** True once nobody needs it any more: the log may let it go. */
  isExpendable: boolean
}

/** What a log was asked to keep, over all of its lives. */
export class LogHistory {
  readonly #byId = new Map<string, Written>()
  #numbers = 0

  /** A number not given before, from 1 on. */
  nextNumber(): number {
    this.#numbers += 1
    return this.#numbers
  }

  begin(writer: number, records: readonly StoredRecord[]): void {
    for (const record of records) {
      const order = this.#byId.size
      const written = { record, writer, order, answer: 'pending', isExpendable: false } as const
      this.#byId.set(record.id, { ...written })
    }
  }

  answer(record: StoredRecord, answer: Durable): void {
    const written = this.#byId.get(record.id)
    if (written === undefined) throw new Error(`${record.id} was never begun`)
    written.answer = answer
  }

  /** From here on the log may let go of it. */
  expend({ id }: StoredRecord): void {
    const written = this.#byId.get(id)
    if (written === undefined) throw new Error(`${id} was never begun`)
    written.isExpendable = true
  }

  /** Takes what was found for the truth: it must stay so, whatever had been said. */
  settle(found: readonly LogEntry[]): void {
    for (const written of this.#byId.values()) written.answer = 'no'
    for (const { record } of found) this.answer(record, 'yes')
  }

  /** The same history, to go on in another way. */
  fork(): LogHistory {
    const fork = new LogHistory()
    fork.#numbers = this.#numbers
    for (const [id, written] of this.#byId) fork.#byId.set(id, { ...written })
    return fork
  }

  count(answer: Durable | 'pending'): number {
    return [...this.#byId.values()].filter((written) => written.answer === answer).length
  }

  /** Everything that is wrong with a log that holds these entries; empty if nothing is. */
  violations(entries: readonly LogEntry[]): readonly string[] {
    const wrong: string[] = []
    const found = new Set<string>()
    const lastOrder = new Map<number, number>()
    const first = entries[0]?.sequence ?? 1
    for (const [index, { sequence, record }] of entries.entries()) {
      if (sequence !== first + index) wrong.push(`sequence ${sequence} for ${first + index}`)
      const written = this.#byId.get(record.id)
      if (written === undefined) {
        wrong.push(`${record.id} was never written`)
        continue
      }
      if (found.has(record.id)) wrong.push(`${record.id} is there twice`)
      found.add(record.id)
      if (written.answer === 'no') wrong.push(`${record.id} was answered 'no' and is there`)
      if (!isSame(record, written.record)) wrong.push(`${record.id} is not as it was written`)
      const before = lastOrder.get(written.writer) ?? -1
      if (written.order < before) wrong.push(`${record.id} comes after a later one of its writer`)
      lastOrder.set(written.writer, written.order)
    }
    for (const [id, { answer, isExpendable }] of this.#byId) {
      if (answer === 'yes' && !isExpendable && !found.has(id))
        wrong.push(`${id} was answered 'yes' and is lost`)
    }
    return wrong
  }
}

function isSame(a: StoredRecord, b: StoredRecord): boolean {
  const bytes = ({ payload }: StoredRecord) => payload && Buffer.from(payload).toString('hex')
  return isDeepStrictEqual({ ...a, payload: bytes(a) }, { ...b, payload: bytes(b) })
}
