/** Writes into a queue that never answers, and builds what never ends; nothing else keeps the process alive. */
import { writeSync } from 'node:fs'
import { memoryQueue } from '../../src/index.ts'
import { createWal } from '../../src/wal.ts'

const queue = memoryQueue()
queue.producer = async () => ({ send: () => new Promise(() => {}), close: async () => {} })
const wal = await createWal({
  namespaces: {
    sets: { queue: memoryQueue(), transactions: {}, targets: { t: async () => {} } },
    n: {
      queue,
      writeTimeout: 100,
      limits: { inFlightBytes: 1000 },
      targets: { t: async () => {} },
    },
  },
})
const payload = 'x'.repeat(350)
const [asConfigured, own, waiting] = await Promise.all([
  wal.tryWrite('n', { key: 'k', payload }),
  wal.tryWrite('n', { key: 'k', payload: '', timeout: 50 }),
  wal.tryWrite('n', { key: 'k', payload }),
])
const last = await wal.tryWrite('n', { key: 'k', payload: '' })
const set = await wal
  .namespace('sets')
  .transaction(() => new Promise<void>(() => {}), { timeout: 50 })
  .catch((error) => error.receipt)
const all = [asConfigured, own, waiting, last, set].map(({ durable }) => durable)
writeSync(1, `answer ${JSON.stringify(all)}\n`)
