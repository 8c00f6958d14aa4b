import type { TraceContext, TransactionPlace } from '../../record.ts'
import { readText, textEnd } from './record-bytes.ts'
import { has } from './record-flags.ts'

const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

/** The optional fields that most records are without, read one after the other. */
export class RareFields {
  readonly target: string | undefined
  readonly encryptionKeyId: string | undefined
  readonly traceContext: TraceContext | undefined
  readonly dueAt: number | undefined
  readonly transaction: TransactionPlace | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly #from: Buffer
  readonly #flags: number
  #at: number

  constructor(from: Buffer, at: number, flags: number) {
    this.#from = from
    this.#flags = flags
    this.#at = at
    this.target = this.#optionalText(has.target)
    this.encryptionKeyId = this.#optionalText(has.encryptionKeyId)
    this.traceContext = this.#readTraceContext()
    this.dueAt = (flags & has.dueAt) === 0 ? undefined : this.#double()
    this.transaction = (flags & has.transaction) === 0 ? undefined : this.#readTransaction()
    this.headers = (flags & has.headers) === 0 ? noHeaders : this.#readHeaders()
  }

  /** Where the last of them ends. */
  get end(): number {
    return this.#at
  }

  #text(): string {
    const text = readText(this.#from, this.#at)
    this.#at = textEnd(this.#from, this.#at)
    return text
  }

  #optionalText(flag: number): string | undefined {
    return (this.#flags & flag) === 0 ? undefined : this.#text()
  }

  #double(): number {
    const value = this.#from.readDoubleLE(this.#at)
    this.#at += 8
    return value
  }

  #count(): number {
    const value = this.#from.readUInt32LE(this.#at)
    this.#at += 4
    return value
  }

  #readTraceContext(): TraceContext | undefined {
    const traceparent = this.#optionalText(has.traceparent)
    const tracestate = this.#optionalText(has.tracestate)
    if (traceparent === undefined) return undefined
    return tracestate === undefined ? { traceparent } : { traceparent, tracestate }
  }

  #readTransaction(): TransactionPlace {
    const id = this.#text()
    return { id, index: this.#count() }
  }

  #readHeaders(): Readonly<Record<string, string>> {
    const pairs: [string, string][] = []
    for (let left = this.#count(); left > 0; left--) pairs.push([this.#text(), this.#text()])
    return Object.fromEntries(pairs)
  }
}

/** Of a record that is without all of them. */
export const noRareFields = new RareFields(Buffer.alloc(0), 0, 0)
