import { expect, test } from 'vitest'
import type { Calls, Row } from '../src/transactions/calls.ts'
import { ChunkTable } from '../src/transactions/chunk-table.ts'

/** The table's partitions with the chunks in them, and which removal of one fails. */
class Partitions implements Pick<Calls, 'read' | 'write'> {
  readonly kept = new Map<number, Set<number>>()
  failing: number | undefined
  #removals = 0

  async write(query: string, [, part, number]: unknown[]): Promise<void> {
    const name = Number(part)
    if (query.startsWith('INSERT')) {
      this.kept.set(name, (this.kept.get(name) ?? new Set()).add(Number(number)))
      return
    }
    if (this.#removals++ === this.failing) throw new Error('timed out')
    this.kept.delete(name)
  }

  async read(_query: string, [, part]: unknown[]): Promise<readonly Row[]> {
    return this.kept.has(Number(part)) ? [{ number: 0 }] : []
  }
}

const chunks = 70

test.each([chunks, 0])(
  'a removal of chunks that failed at any partition leaves none behind the next one (%i are known of)',
  async (count) => {
    for (let failing = 0; failing < 5; failing++) {
      const partitions = new Partitions()
      const table = new ChunkTable(partitions as unknown as Calls, 'chunks')
      for (let at = 0; at < chunks; at++) await table.write('set', at, Buffer.alloc(1))
      expect(partitions.kept.size).toBe(5)
      partitions.failing = failing
      await expect(table.remove('set', count)).rejects.toThrow('timed out')
      await table.remove('set', count)
      expect([...partitions.kept.keys()]).toEqual([])
    }
  },
)

test('a removal of chunks takes one with it that nobody saw yet', async () => {
  const partitions = new Partitions()
  const removed: unknown[] = []
  const table = new ChunkTable(
    {
      read: (query: string, params: unknown[]) => partitions.read(query, params),
      write: async (query: string, params: unknown[]) => {
        if (query.startsWith('DELETE')) removed.push(params[1])
        else await partitions.write(query, params)
      },
    } as unknown as Calls,
    'chunks',
  )
  for (let at = 0; at < 16; at++) await table.write('set', at, Buffer.alloc(1))
  await table.remove('set', 0)
  expect(removed).toEqual([1, 0])
})
