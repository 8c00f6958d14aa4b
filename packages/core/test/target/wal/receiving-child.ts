/**
 * A wal in a process of its own, to be killed: it takes forwarded records over HTTP into its log on the
 * disk. Its store is a file of lines, one for each record that it applied.
 */
import { appendFileSync, existsSync, readFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import {
  applied,
  createWal,
  type ForwardedRecord,
  superseded,
  type Target,
  type WalRecord,
} from '../../../src/index.ts'

export interface ReceivingTask {
  readonly port: number
  readonly directory: string
}

/** A line of the store's file. */
export interface StoredLine {
  readonly id: string
  readonly key: string
  readonly version: string
  readonly origin: string
  readonly payload: unknown
}

const { port, directory }: ReceivingTask = JSON.parse(process.argv[2] ?? '{}')
const file = join(directory, 'store.jsonl')
const held = new Map<string, bigint>()
const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
for (const line of lines) {
  const { key, version } = JSON.parse(line) as StoredLine
  held.set(key, BigInt(version))
}

function applyOne({ id, key = '', version, origin, payload }: WalRecord) {
  if (version <= (held.get(key) ?? 0n)) return superseded
  appendFileSync(file, `${JSON.stringify({ id, key, version: `${version}`, origin, payload })}\n`)
  held.set(key, version)
  return applied
}

const store: Target = { idempotency: 'version', apply: async (records) => records.map(applyOne) }
const wal = await createWal({
  directory: join(directory, 'log'),
  region: { name: 'us', number: 1 },
  namespaces: { films: { targets: { store } } },
})
await wal.start()

const server = createServer(async (request, response) => {
  const records: ForwardedRecord[] = JSON.parse(await text(request))
  const receipts = await wal
    .namespace('films')
    .forward(records.map((record) => ({ ...record, version: BigInt(record.version) })))
  const body = receipts.map((receipt) => ({ ...receipt, version: `${receipt.version}` }))
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
})
server.listen(port, '127.0.0.1', () => {
  writeSync(1, `listening ${(server.address() as { port: number }).port}\n`)
})
