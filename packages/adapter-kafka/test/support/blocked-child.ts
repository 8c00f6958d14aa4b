// A process that consumes a topic whose dead letters block their keys: `blocked-child.ts <client> <broker>
// <topic>`. It tells its parent what it has applied, and runs until it is killed.

import { blockedWal } from './blocked-wal.ts'
import { type ClientName, clientFor } from './clients.ts'

const [name, broker = '', topic = ''] = process.argv.slice(2)

const wal = await blockedWal({
  client: clientFor(name as ClientName, broker),
  topic,
  isMended: () => false,
  applied: (records) => void process.send?.(records),
})
wal.on('error', () => {})
await wal.start()
