import {
  appendFileSync,
  closeSync,
  existsSync,
  fdatasyncSync,
  openSync,
  readFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { nodeFileSystem } from '../../src/queue/file/node-file-system.ts'
import { recordFromBytes, recordToBytes } from '../../src/queue/file/record-format.ts'
import { systemRandom } from '../../src/random.ts'
import type { StoredRecord } from '../../src/record.ts'
import { RecordIds } from '../../src/record-id.ts'
import { openFileTransactionStore } from '../../src/transaction/file-transactions.ts'
import { HeadChanges } from '../../src/transaction/head-changes.ts'
import type { TransactionHead } from '../../src/transaction/transaction-store.ts'
import { Transactions } from '../../src/transaction/transactions.ts'
import { VersionClock } from '../../src/version.ts'
import { rows } from '../transaction/support/rows.ts'

/** An instant between two steps of sending a marker, and noting in its head that it is about to be sent, or was. */
export type Instant =
  | 'before the send'
  | 'after the send'
  | 'before the note that it is being sent'
  | 'after the note that it is being sent'
  | 'before the note that it was sent'
  | 'after the note that it was sent'

export interface MarkerWorldOptions {
  readonly directory: string
  /** Called at each instant that is reached. */
  reached(instant: Instant): void
}

/** Transactions as on a queue that processes share, over real files: a store of sets, and a queue of markers. */
export async function openMarkerWorld({ directory, reached }: MarkerWorldOptions) {
  let aheadMs = 0
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
  const fileSystem = nodeFileSystem
  const errors: unknown[] = []
  const reportError = (error: unknown): void => void errors.push(error)
  const store = await openFileTransactionStore({
    ...{ directory, fileSystem, random: systemRandom, reportError },
  })
  const put = store.put.bind(store)
  store.put = async (head, options) => {
    const what = noteOf(head)
    if (what !== undefined) reached(`before the note that it ${what}`)
    const answer = await put(head, options)
    if (what !== undefined) reached(`after the note that it ${what}`)
    return answer
  }
  const ids = new RecordIds(systemRandom)
  const versions = new VersionClock({ region: 0, floor: 0n })
  const changes = new HeadChanges({ store, clock, onChange: () => {} })
  const transactions = new Transactions({
    ...rows,
    ...{ store, clock, changes, reportError, ownsStore: false, namesKeys: false },
    ...{ openForMs: 3_600_000, keepMs: 3_600_000, timeoutMs: 60_000 },
    newId: () => ids.next(clock.now()),
    versions: (keys, steps) => versions.nextForAll(keys, steps, clock.now()),
    send: async (record) => {
      reached('before the send')
      append(join(directory, 'markers'), record)
      reached('after the send')
      return { durable: 'yes' }
    },
  })
  return {
    ...{ store, changes, clock, transactions, errors },
    /** Looks after what was left, so long after now. */
    sweep(laterMs: number): Promise<void> {
      aheadMs = laterMs
      return transactions.sweep()
    },
  }
}

function noteOf({ marker, state }: TransactionHead): 'is being sent' | 'was sent' | undefined {
  if (marker === undefined || state !== 'sealed') return undefined
  return marker.state === 'sending' ? 'is being sent' : 'was sent'
}

function append(path: string, record: StoredRecord): void {
  const file = openSync(path, 'a')
  appendFileSync(file, `${recordToBytes(record).toString('base64')}\n`)
  fdatasyncSync(file)
  closeSync(file)
}

/** The markers that the queue has, in their order. */
export function markersIn(directory: string): readonly StoredRecord[] {
  const path = join(directory, 'markers')
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  return lines.map((line) => recordFromBytes(Buffer.from(line, 'base64')))
}
