import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { httpTarget } from '@daybook/core'
import type { BenchStore, Item, OpenStore, Payload, StoreRound } from '../store.ts'

/** An application over HTTP, in a process of its own: one request for each record, on both sides. */
export const http: BenchStore = {
  name: 'http',
  about:
    'an application on node:http that keeps the version of each key, fetch, a POST of JSON for each record; by hand with the ' +
    'same fields, the same ids and a time-out',
  open: () => openStore(single),
}

/** The same, with one request for each batch. */
export const httpBatch: BenchStore = {
  name: 'http-batch',
  about: 'the same application, fetch, a POST of JSON for each call with all of its records',
  open: ({ batchRecords }) => openStore((url) => batched(url, batchRecords)),
}

async function openStore(roundAt: (url: string) => StoreRound): Promise<OpenStore> {
  const application = fork(join(import.meta.dirname, 'http-application.ts'))
  const address = `http://127.0.0.1:${await portOf(application)}`
  let rounds = 0
  return {
    round: async () => roundAt(`${address}/round-${++rounds}`),
    async close() {
      application.disconnect() // it ends itself then
      await once(application, 'exit')
    },
  }
}

async function portOf(application: ChildProcess): Promise<number> {
  const [port] = await once(application, 'message')
  return port
}

function single(url: string): StoreRound {
  return {
    target: httpTarget<Payload>({ url, idempotency: 'version' }),
    async writeBatch(items, firstVersion) {
      for (const [at, item] of items.entries()) {
        await post(url, recordOf(item, firstVersion + BigInt(at)))
      }
    },
    count: () => countAt(url),
  }
}

function batched(url: string, batchRecords: number): StoreRound {
  return {
    target: httpTarget<Payload>({
      ...{ url, idempotency: 'version' },
      batch: { maxRecords: batchRecords, maxBytes: '64mb' },
    }),
    async writeBatch(items, firstVersion) {
      const records = items.map((item, at) => recordOf(item, firstVersion + BigInt(at)))
      await post(url, { records })
    },
    count: () => countAt(url),
  }
}

/** With an id by which a repetition can be told, and no longer than it may take: what nobody would leave out. */
async function post(url: string, content: object): Promise<void> {
  const id = randomUUID()
  const headers = {
    ...{ 'content-type': 'application/json' },
    ...{ 'webhook-id': id, 'idempotency-key': id },
  }
  const answer = await fetch(url, {
    ...{ method: 'POST', headers, body: JSON.stringify(content) },
    ...{ redirect: 'manual', signal: AbortSignal.timeout(10_000) },
  })
  await answer.arrayBuffer()
  if (!answer.ok) throw new Error(`the application answered ${answer.status}`)
}

async function countAt(url: string): Promise<number> {
  return Number(await (await fetch(url)).text())
}

/** The same fields as the target's: bytes on the wire cost both sides the same. */
function recordOf({ key, payload }: Item, version: bigint): object {
  const id = randomUUID()
  const place = { namespace: 'bench', origin: 'default', writtenAt: Date.now(), headers: {} }
  return { id, key, op: 'put', version: `${version}`, ...place, payload }
}
