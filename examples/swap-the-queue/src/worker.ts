/**
 * A process of the application: scans parcels, keeps the table of where they are, or does both, as
 * its configuration says. The queue in between is whatever the configuration says as well.
 *
 *     node --conditions=source src/worker.ts configuration.json
 */
import { once } from 'node:events'
import { createWal, fanOut, type } from '@daybook/core'
import { readConfiguration } from './configuration.ts'
import { openQueue } from './open-queue.ts'
import { parcelsTable, type Scan } from './parcels-table.ts'
import { scanParcels } from './scan-parcels.ts'
import { tell } from './worker-line.ts'

const [file = 'configuration.json'] = process.argv.slice(2)
const { name, roles, queue: queueConfiguration, table, scans } = await readConfiguration(file)

const queue = await openQueue(queueConfiguration)
const wal = await createWal({
  namespaces: {
    parcels: fanOut({
      payload: type<Scan>(),
      queue,
      // SQS standard offers none. There the versions decide, at the table.
      order: queue.supports.order,
      targets: { table: parcelsTable(table, name) },
      retry: { minDelay: '50ms', maxDelay: '2s' },
    }),
  },
})
wal.on('error', ({ error }) => tell({ event: 'error', message: error.message }))

// A service is kept up by the port it listens at; this one has none.
const keepUp = setInterval(() => {}, 60_000)
const closing = new AbortController()
process.once('SIGTERM', () => closing.abort())

if (roles.includes('deliver')) await wal.start()
tell({ event: 'ready' })
if (roles.includes('write')) {
  await scanParcels(wal.namespace('parcels'), name, scans, closing.signal, (scan) =>
    tell({ event: 'saved', ...scan, version: String(scan.version) }),
  )
  // What only this process can deliver is delivered before it goes.
  if (roles.includes('deliver')) await wal.drain({ timeout: '30s' })
} else if (!closing.signal.aborted) {
  await once(closing.signal, 'abort')
}
await wal.close()
clearInterval(keepUp)
