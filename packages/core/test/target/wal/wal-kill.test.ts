import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { type } from '../../../src/config/payload-type.ts'
import type { Receipt } from '../../../src/producer/receipt.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import type { ForwardedRecord } from '../../../src/record.ts'
import { walTarget } from '../../../src/target/wal/wal-target.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { createWal } from '../../../src/wal.ts'
import { TestProcess } from '../../simulation/kill-process.ts'
import type { ReceivingTask, StoredLine } from './receiving-child.ts'

interface Film {
  readonly n: number
}

const directory = mkdtempSync(join(tmpdir(), 'daybook-receiving-'))
afterAll(() => rmSync(directory, { recursive: true }))

describe('a wal in another process', () => {
  it('holds all that was forwarded to it, as it was, over kills of that process under load', async () => {
    const random = new SeededRandom(Number(process.env['DAYBOOK_SEED']))
    let child = await startChild({ port: 0, directory })
    const { port } = child
    const forward = async (
      records: readonly ForwardedRecord<Film>[],
      { signal }: { readonly signal: AbortSignal },
    ): Promise<readonly Receipt[]> => {
      const body = JSON.stringify(records, (_, value) =>
        typeof value === 'bigint' ? value.toString() : value,
      )
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, signal })
      return (await response.json()) as readonly Receipt[]
    }
    const wal = await createWal({
      region: { name: 'eu' },
      namespaces: {
        films: {
          ...{ payload: type<Film>(), queue: memoryQueue(), batch: { maxRecords: 20 } },
          targets: { peer: walTarget<Film>({ forward }) },
          ...{ retry: { maxAttempts: 2, minDelay: '5ms', maxDelay: '20ms' } },
          breaker: { minOpen: '10ms', maxOpen: '50ms' },
        },
      },
    })
    const letters: unknown[] = []
    wal.on('deadLettered', (letter) => letters.push(letter))
    await wal.start()
    const state = new Map<
      string,
      { readonly id: string; readonly version: bigint; readonly n: number }
    >()
    for (let round = 0; round < 4; round++) {
      for (let n = round * 200; n < (round + 1) * 200; n++) {
        const key = `film ${random.integer(1, 30)}`
        const { id, version } = await wal.write('films', { key, payload: { n } })
        state.set(key, { id, version, n })
      }
      const before = linesOf().length
      await vi.waitFor(() => expect(linesOf().length).toBeGreaterThan(before), 10_000)
      child.process.kill('SIGKILL')
      await child.process.ended
      child = await startChild({ port, directory })
    }
    await wal.drain({ timeout: '20s' })
    expect(letters).toEqual([])
    await vi.waitFor(() => expect(heldBy(linesOf())).toEqual(asLines(state)), 20_000)
    await wal.close()
    child.process.kill('SIGKILL')
    await child.process.ended
  }, 60_000)
})

async function startChild(task: ReceivingTask) {
  const child = new TestProcess(join(import.meta.dirname, 'receiving-child.ts'), task)
  const line = await child.line('listening')
  if (line === undefined) throw new Error((await child.ended).complaints)
  return { process: child, port: Number(line.split(' ')[1]) }
}

function linesOf(): readonly StoredLine[] {
  try {
    const lines = readFileSync(join(directory, 'store.jsonl'), 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as StoredLine)
  } catch {
    return []
  }
}

/** The last line of each key. */
function heldBy(lines: readonly StoredLine[]): ReadonlyMap<string, Omit<StoredLine, 'key'>> {
  return new Map(lines.map(({ key, ...line }) => [key, line]))
}

function asLines(state: ReadonlyMap<string, { id: string; version: bigint; n: number }>) {
  const lines = [...state].map(([key, { id, version, n }]) => {
    return [key, { id, version: `${version}`, origin: 'eu', payload: { n } }] as const
  })
  return new Map(lines)
}
