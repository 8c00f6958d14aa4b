// A process that consumes a topic whose dead letters block their keys: `blocked-child.ts <client> <broker> <topic>
// [<partitions> <file>]`. It tells its parent what it has applied, or writes it into the file, and runs until it is
// killed. Any message mends its store.

import { appliedFile } from './applied-file.ts'
import { blockedWal } from './blocked-wal.ts'
import { type ClientName, clientFor } from './clients.ts'

const [name, broker = '', topic = '', partitions = '1', file] = process.argv.slice(2)

let isMended = false
process.on('message', () => {
  isMended = true
})
const wal = await blockedWal({
  client: clientFor(name as ClientName, broker),
  ...{ topic, partitions: Number(partitions) },
  isMended: () => isMended,
  applied: file ? appliedFile(file).add : (records) => void process.send?.(records),
})
wal.on('error', () => {})
await wal.start()
