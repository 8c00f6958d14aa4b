import { join } from 'node:path'
import { open } from 'lmdb'
import { runWriters } from '../harness/writers.ts'
import type { Contestant } from './contestant.ts'

/**
 * LMDB as a log: sequence number to bytes, the same writers as ours, each waiting until its put is
 * flushed. lmdb batches puts into transactions by itself and syncs them in a thread of its own.
 * `separateFlushed` hands out a promise for the flush at each put; it is the quicker of the two
 * ways its manual gives to wait for it.
 */
export const lmdb: Contestant = {
  name: 'lmdb',
  async run({ directory, meter, payloadBytes, writers }) {
    const database = open<Buffer, number>({
      path: join(directory, 'log.lmdb'),
      encoding: 'binary',
      keyEncoding: 'uint32',
      separateFlushed: true,
    })
    const payload = Buffer.alloc(payloadBytes, 7)
    let sequence = 0
    try {
      return await runWriters(writers, meter, () => {
        sequence += 1
        return flushed(database.put(sequence, payload))
      })
    } finally {
      await database.close()
    }
  },
}

/** The promise that lmdb hangs on a put's own promise under `separateFlushed`; it has no type. */
function flushed(put: Promise<boolean>): Promise<unknown> {
  if ('flushed' in put && put.flushed instanceof Promise) return put.flushed
  throw new Error('lmdb gave no promise for the flush; this version of it is not understood')
}
