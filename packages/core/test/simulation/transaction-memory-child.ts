/**
 * Makes one transaction of 10,000 mutations and nearly 256 MiB, and has it applied. Says how far its memory has grown
 * meanwhile at most: what the process holds of the machine's, by the kernel's own account.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { bytesCodec, createWal, multiPartitionMutation, type } from '../../src/index.ts'

export interface TransactionMemoryTask {
  readonly directory: string
  readonly mutations: number
  readonly payloadBytes: number
  /** True: the target remembers all that it is given, as nobody should. */
  readonly keepsAll: boolean
}

const task: TransactionMemoryTask = JSON.parse(process.argv[2] ?? '{}')
const kept: Uint8Array[] = []
let applied = 0

const wal = await createWal({
  directory: task.directory,
  namespaces: {
    rows: multiPartitionMutation({
      payload: type<Uint8Array>(),
      codec: bytesCodec,
      targets: {
        rows: {
          idempotency: 'version',
          appliesInOrder: true,
          async apply(records) {
            applied += records.length
            if (!task.keepsAll) return
            for (const { op, payload } of records) if (op === 'put') kept.push(payload.slice())
          },
        },
      },
    }),
  },
})
const rows = wal.namespace('rows')
await wal.start()

const transact = (mutations: number) =>
  rows.transaction(async (tx) => {
    for (let number = 0; number < mutations; number++) {
      const payload = new Uint8Array(task.payloadBytes).fill(number)
      await tx.put('rows', { key: `row ${number}`, payload })
    }
  })

// What the code itself takes, and a buffer of each kind.
await transact(100)
await wal.drain()
await wait(100)
const before = process.memoryUsage().rss
const { id } = await transact(task.mutations)
const sealedPeak = process.resourceUsage().maxRSS * 1024
await wal.drain()
const appliedPeak = process.resourceUsage().maxRSS * 1024
const { state, bytes } = (await rows.transactionStatus(id)) ?? {}
await wal.close()
const growth = { sealing: sealedPeak - before, applying: appliedPeak - before }
process.stdout.write(JSON.stringify({ state, bytes, applied, kept: kept.length, ...growth }))
