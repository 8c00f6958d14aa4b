import type { KafkaJsMessage } from './kafkajs-types.ts'

type PlainHeaders = NonNullable<KafkaJsMessage['headers']>

/**
 * The client's own object of headers, looked into where it is: a map of each message's took a tenth of the
 * time that it took to consume. Of a header that is there twice the last one counts.
 */
export class KafkaJsHeaders implements ReadonlyMap<string, Buffer> {
  readonly #headers: PlainHeaders
  /** Made for who wants to go through all of them. */
  #map: ReadonlyMap<string, Buffer> | undefined

  constructor(headers: PlainHeaders) {
    this.#headers = headers
  }

  get size(): number {
    return Object.keys(this.#headers).length
  }

  get(name: string): Buffer | undefined {
    return bytesOf(this.#headers[name])
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  forEach(
    visit: (value: Buffer, name: string, all: ReadonlyMap<string, Buffer>) => void,
    thisArg?: unknown,
  ): void {
    this.#all.forEach(visit, thisArg)
  }

  entries(): MapIterator<[string, Buffer]> {
    return this.#all.entries()
  }

  keys(): MapIterator<string> {
    return this.#all.keys()
  }

  values(): MapIterator<Buffer> {
    return this.#all.values()
  }

  [Symbol.iterator](): MapIterator<[string, Buffer]> {
    return this.#all.entries()
  }

  get #all(): ReadonlyMap<string, Buffer> {
    this.#map ??= new Map(
      Object.entries(this.#headers).flatMap(([name, values]) => {
        const bytes = bytesOf(values)
        return bytes === undefined ? [] : [[name, bytes] as const]
      }),
    )
    return this.#map
  }
}

/** What a name of every object's leads to is no header. */
function bytesOf(values: PlainHeaders[string]): Buffer | undefined {
  const one = Array.isArray(values) ? values.at(-1) : values
  if (Buffer.isBuffer(one)) return one
  return typeof one === 'string' ? Buffer.from(one) : undefined
}
