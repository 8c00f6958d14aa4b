import { stat } from 'node:fs/promises'
import { bytesCodec, createWal, defineTarget, type Target } from '@daybook/core'
import { cycle } from '../harness/cycle.ts'
import { filesBelow } from '../harness/page-cache.ts'
import { makeKeys } from './payloads.ts'

export interface BacklogTask {
  /** An empty directory on the disk under test. */
  readonly directory: string
  readonly order: 'key' | 'none'
  readonly records: number
  readonly payloadBytes: number
  readonly writers: number
  readonly keys: number
}

export interface BacklogRound {
  readonly appendedPerSecond: number
  readonly deliveredPerSecond: number
  /** Time to open the wal with the backlog in it. */
  readonly openMs: number
  /** Time to close it after the drain, which makes the cursors lasting. */
  readonly closeMs: number
  /** Bytes of all of its files, once written. */
  readonly diskBytes: number
}

/**
 * Writes a backlog with nobody reading, closes the wal, opens it again and drains it into a target
 * that only counts. Throws if a record is missing, comes twice, or if the cursor forgot any of it.
 */
export async function deliverBacklog(task: BacklogTask): Promise<BacklogRound> {
  const appendMs = await writeBacklog(task)
  const diskBytes = await bytesOf(task.directory)
  let applied = 0
  const counting = defineTarget<Uint8Array>(async (records) => {
    applied += records.length
  })
  const [wal, openMs] = await timed(() => openWal(task, counting))
  const [, deliverMs] = await timed(() => startAndDrain(wal))
  const [, closeMs] = await timed(() => wal.close())
  expectApplied(applied, task.records, 'by the drain')

  const again = await openWal(task, counting)
  await startAndDrain(again)
  await again.close()
  expectApplied(applied, task.records, 'after opening the wal once more')
  return {
    appendedPerSecond: (task.records / appendMs) * 1000,
    deliveredPerSecond: (task.records / deliverMs) * 1000,
    openMs,
    closeMs,
    diskBytes,
  }
}

async function bytesOf(directory: string): Promise<number> {
  const files = await Promise.all((await filesBelow(directory)).map((path) => stat(path)))
  return files.reduce((sum, { size }) => sum + size, 0)
}

async function startAndDrain(wal: Awaited<ReturnType<typeof openWal>>): Promise<void> {
  await wal.start()
  await wal.drain({ timeout: '15m' })
}

function expectApplied(applied: number, written: number, when: string): void {
  if (applied === written) return
  throw new Error(`${written} records were written and ${applied} applied ${when}`)
}

/** Answers how long the writing took, in ms. */
async function writeBacklog(task: BacklogTask): Promise<number> {
  const wal = await openWal(
    task,
    defineTarget<Uint8Array>(async () => {}),
  )
  const bench = wal.namespace('bench')
  const nextKey = cycle(makeKeys(task.keys))
  const payload = new Uint8Array(task.payloadBytes).fill(7)
  let left = task.records
  const writer = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await bench.write({ key: nextKey(), payload })
    }
  }
  const [, appendMs] = await timed(() => Promise.all(Array.from({ length: task.writers }, writer)))
  await wal.close()
  return appendMs
}

function openWal({ directory, order }: BacklogTask, counting: Target<Uint8Array>) {
  return createWal({
    directory,
    namespaces: { bench: { codec: bytesCodec, order, targets: { counting } } },
  })
}

async function timed<T>(run: () => Promise<T>): Promise<[T, number]> {
  const startedAt = performance.now()
  const result = await run()
  return [result, performance.now() - startedAt]
}
