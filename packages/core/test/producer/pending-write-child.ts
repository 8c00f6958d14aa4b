/** Writes into a queue that never answers, with nothing else that keeps the process alive. */
import { writeSync } from 'node:fs'
import { memoryQueue } from '../../src/index.ts'
import { createWal } from '../../src/wal.ts'

const queue = memoryQueue()
queue.producer = async () => ({ send: () => new Promise(() => {}), close: async () => {} })
const wal = await createWal({
  namespaces: {
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
const all = [asConfigured, own, waiting, last].map(({ durable }) => durable)
writeSync(1, `answer ${JSON.stringify(all)}\n`)
