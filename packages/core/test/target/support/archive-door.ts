import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Namespace } from '../../../src/namespace.ts'
import type { Receipt } from '../../../src/producer/receipt.ts'
import type { ForwardedRecord } from '../../../src/record.ts'
import { forwardReceiver } from '../../../src/target/forwarding/forward-receiver.ts'
import { httpTarget } from '../../../src/target/http/http-target.ts'
import { type Target, unavailable } from '../../../src/target/target.ts'
import { walTarget } from '../../../src/target/wal/wal-target.ts'
import type { Row } from '../../testing/versioned-store.ts'

/** The ways over HTTP into a namespace of another wal, as the docs show them. */
export const ways: Readonly<Record<string, (address: string) => Target<Row>>> = {
  walTarget: (address) =>
    walTarget<Row>({
      async forward(records, { signal }) {
        const init = { method: 'POST', body: toJson(records), headers: credentials, signal }
        const response = await fetch(`${address}/receipts`, init)
        const { status } = response
        if (!response.ok) throw unavailable(`ARCHIVE_${status}`, `the archive answered ${status}`)
        return withVersions((await response.json()) as Receipt[])
      },
    }),
  httpTarget: (address) =>
    httpTarget<Row>({
      ...{ url: `${address}/records`, headers: credentials },
      batch: { maxRecords: 20 },
    }),
}

const credentials = { authorization: 'Bearer right' }

/** A server before a namespace of a wal, whose troubles a test may choose. */
export class ArchiveDoor {
  password = 'right'
  /** Undefined: there is none of that name. */
  namespace: Namespace<Row> | undefined
  /** For requests to come: their connection breaks before or behind the storing of their records. */
  readonly cuts: ('before' | 'behind' | 'never')[] = []
  readonly #server = createServer(async (request, response) => {
    const body = await text(request)
    const { authorization } = request.headers
    if (authorization !== `Bearer ${this.password}`) return response.writeHead(401).end()
    if (this.namespace === undefined) return response.writeHead(404).end()
    const cut = this.cuts.shift()
    if (cut === 'before') return request.socket.destroy()
    const answer = await answerTo(`${request.url}`, body, this.namespace)
    if (cut === 'behind') return request.socket.destroy()
    return response.writeHead(answer.status).end(answer.body)
  })

  private constructor(namespace: Namespace<Row>) {
    this.namespace = namespace
  }

  static async before(namespace: Namespace<Row>): Promise<ArchiveDoor> {
    const door = new ArchiveDoor(namespace)
    await once(door.#server.listen(0, '127.0.0.1'), 'listening')
    return door
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

async function answerTo(path: string, body: string, films: Namespace<Row>) {
  if (path === '/records') return forwardReceiver(films)(Buffer.from(body))
  const records: ForwardedRecord<Row>[] = JSON.parse(body)
  const receipts = await films.forward(withVersions(records))
  const plain = receipts.map(({ error, ...receipt }) =>
    error === undefined
      ? receipt
      : { ...receipt, error: { code: error.code, message: error.message } },
  )
  return { status: 200, body: toJson(plain) }
}

function toJson(value: unknown): string {
  return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? each.toString() : each))
}

function withVersions<T extends { version: bigint }>(items: T[]): T[] {
  return items.map((item) => ({ ...item, version: BigInt(item.version) }))
}
