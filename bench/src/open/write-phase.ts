import { phase } from '../harness/phase.ts'
import { openLog } from './open-log.ts'

export interface WriteTask {
  readonly directory: string
  readonly records: number
  readonly payloadBytes: number
}

const callers = 4
const recordsPerCall = 500

/** Writes a log that nobody has read from. */
export const writePhase = phase(import.meta.url, async (task: WriteTask): Promise<void> => {
  const wal = await openLog({ directory: task.directory, target: 'nobody' }, () => {})
  const bench = wal.namespace('bench')
  const input = { payload: new Uint8Array(task.payloadBytes).fill(7) }
  let left = task.records
  const caller = async (): Promise<void> => {
    while (left > 0) {
      const records = Math.min(left, recordsPerCall)
      left -= records
      await bench.writeMany(new Array(records).fill(input))
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  await wal.close()
})
