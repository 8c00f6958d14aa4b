/**
 * Another company's webhook, which knows nothing of Daybook: it takes films, verifies who sent them, and remembers
 * the ids that it has seen. It is slow, after some requests it wants a rest, and it dies when it
 * is killed.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { act } from '@daybook/example-stage'
import { signatureProblem } from './verify-signature.ts'

const [file = '', port = '0'] = process.argv.slice(2)
const secret = process.env['PARTNER_SECRET'] ?? ''

/** What each request takes; and after so many, it wants to be left alone for so long. */
const [workMs, requestsBeforeRest, restMs] = [4, 250, 1_000]

const store = new DatabaseSync(file)
store.exec(`
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS received (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, version TEXT NOT NULL,
    op TEXT NOT NULL, film TEXT
  ) STRICT;
`)
const receive = store.prepare(
  'INSERT OR IGNORE INTO received (id, key, version, op, film) VALUES (?, ?, ?, ?, ?)',
)
const tally = { taken: 0, again: 0, throttled: 0, refused: 0 }
let sinceRest = 0
let restsUntil = 0

const server = createServer((request, response) => void answer(request, response))
await new Promise<void>((resolve) => server.listen(Number(port), '127.0.0.1', resolve))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request)
  if (wantsRest()) {
    tally.throttled++
    response.writeHead(429, { 'retry-after': String(restMs / 1_000) }).end()
    return
  }
  const problem = signatureProblem(request.headers, body, secret)
  if (problem !== undefined) {
    tally.refused++
    response.writeHead(401).end(problem)
    return
  }
  await sleep(workMs)
  const { key, version, op, payload } = JSON.parse(body)
  const id = String(request.headers['webhook-id'])
  const film = op === 'put' ? JSON.stringify(payload) : null
  const { changes } = receive.run(id, key, version, op, film)
  if (changes === 1) tally.taken++
  else tally.again++
  response.writeHead(204).end()
}

function wantsRest(): boolean {
  const now = performance.now()
  if (now < restsUntil) return true
  if (++sinceRest <= requestsBeforeRest) return false
  sinceRest = 0
  restsUntil = now + restMs
  return true
}

/** What this life of the service can be asked for. */
export const calls = {
  port: () => (server.address() as AddressInfo).port,
  tally: () => tally,
}
export type PartnerCalls = typeof calls

act(calls, async () => {
  server.closeAllConnections()
  server.close()
  store.close()
})
