/**
 * A region: changes bookmarks, keeps its cache, sends what it has written to the other regions, and
 * takes what these send.
 *
 *     node --conditions=source src/region.ts configuration.json
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import type { RecordsEvent } from '@daybook/core'
import { changeBookmarks } from './change-bookmarks.ts'
import { readConfiguration } from './configuration.ts'
import { receiveInto } from './link.ts'
import { type Command, tell } from './region-line.ts'
import { openRegionWal } from './region-wal.ts'

const [file = 'configuration.json'] = process.argv.slice(2)
const configuration = await readConfiguration(file)
const wal = await openRegionWal(configuration)
const bookmarks = wal.namespace('bookmarks')

const told =
  (superseded: boolean) =>
  ({ target, records }: RecordsEvent): void => {
    if (target !== 'cache') return
    const named = records.map(({ key = '', version }) => [key, String(version)] as const)
    tell({ event: 'arrived', records: named, superseded })
  }
wal.on('applied', told(false))
wal.on('superseded', told(true))
wal.on('error', ({ error }) => tell({ event: 'error', message: error.message }))

const server = createServer(receiveInto(bookmarks)).listen(0, '127.0.0.1')
await once(server, 'listening')
await wal.start()
tell({ event: 'ready', port: (server.address() as AddressInfo).port })

const quiet = new AbortController()
const changing = changeBookmarks(
  bookmarks,
  configuration.region.name,
  configuration.load,
  quiet.signal,
  {
    begun: (change) => tell({ event: 'begun', ...change }),
    saved: (change, version) => tell({ event: 'saved', ...change, version: String(version) }),
  },
)

const obey: Readonly<Record<Command, () => Promise<void>>> = {
  quiet: async () => {
    quiet.abort()
    await changing
    tell({ event: 'quiet' })
  },
  drain: async () => {
    await wal.drain()
    tell({ event: 'drained' })
  },
}
for await (const command of createInterface({ input: process.stdin })) {
  await obey[command as Command]()
}
// Whoever had commands to give has no more.
quiet.abort()
await changing
await wal.close()
// Connections that are kept for the next request would hold it up for seconds.
process.exit()
