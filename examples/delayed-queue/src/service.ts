/**
 * A service that keeps streams, and deletes them some time after their licences have ended. It does what
 * it is asked over the channel to the process that started it.
 */
import { join } from 'node:path'
import { act } from '@daybook/example-stage'
import { openCleanupWal } from './cleanup-wal.ts'
import { type Stream, StreamStore } from './stream-store.ts'

const [directory = ''] = process.argv.slice(2)
const store = new StreamStore(join(directory, 'streams.sqlite'))
const wal = await openCleanupWal(join(directory, 'log'), store)
wal.on('error', ({ error }) => console.error(`The service reports: ${error.message}`))
await wal.start()

const streams = wal.namespace('streams')
const cleanup = wal.namespace('stream-cleanup')

/** What the service can be asked for. Each call resolves once it is lasting. */
export const calls = {
  /** Puts streams: each with the version of what it must follow, if that was written elsewhere. */
  async add(
    entries: readonly (readonly [key: string, stream: Stream, after?: bigint | undefined])[],
  ) {
    return streams.writeMany(entries.map(([key, payload, after]) => ({ key, payload, after })))
  },
  /** Schedules the deletion of streams, in `delayMs` rather than the usual time where that is given. */
  async expire(keys: readonly string[], delayMs?: number) {
    return cleanup.writeMany(
      // The two namespaces count versions apart: a deletion must follow what it deletes.
      keys.map((key) => ({ op: 'delete', key, delay: delayMs, after: store.versionOf(key) })),
    )
  },
  /** Takes deletions back, by the ids of their receipts. */
  async renew(ids: readonly string[]) {
    return Promise.all(ids.map(async (id) => (await cleanup.cancel(id)).target))
  },
  /** Gives deletions another time. */
  async move(ids: readonly string[], delayMs: number) {
    const time = { delay: delayMs }
    return Promise.all(ids.map(async (id) => (await cleanup.reschedule(id, time)).target))
  },
  async settle(includeDelayed: boolean) {
    await wal.drain({ includeDelayed, timeout: '2m' })
  },
  async status() {
    const { pending = 0, delayed = 0, delivery } = (await cleanup.status()).targets.target
    return { due: pending, waiting: delayed, deleted: delivery?.applied ?? 0 }
  },
}
export type ServiceCalls = typeof calls

act(calls, async () => {
  await wal.close()
  store.close()
})
