import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { TestProcess } from './kill-process.ts'
import type { TransactionMemoryTask } from './transaction-memory-child.ts'

const mib = 1024 * 1024
const mutations = 10_000
const payloadBytes = 26_700
/** Half of what the transaction has; a few chunks, and what the collector has not got round to, take less. */
const mostGrowth = 128 * mib

interface Growth {
  readonly state: string
  readonly bytes: number
  readonly applied: number
  readonly kept: number
  /** Until the call returned, and until all was applied, in bytes. */
  readonly sealing: number
  readonly applying: number
}

async function growthOf(keepsAll: boolean): Promise<Growth> {
  const directory = await mkdtemp(join(tmpdir(), 'daybook-transaction-memory-'))
  try {
    const task: TransactionMemoryTask = { directory, mutations, payloadBytes, keepsAll }
    const script = join(import.meta.dirname, 'transaction-memory-child.ts')
    const child = new TestProcess(script, task, { longestLifeMs: 120_000 })
    const line = await child.line('{')
    const { complaints } = await child.ended
    if (line === undefined) throw new Error(complaints)
    return JSON.parse(line)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

it('a transaction of 10,000 mutations and 256 MiB takes half of that in memory at most, to be sealed and to be applied', async ({
  annotate,
}) => {
  const growth = await growthOf(false)
  await annotate(JSON.stringify(growth))
  expect(growth).toMatchObject({ state: 'applied', applied: mutations + 100, kept: 0 })
  expect(growth.bytes).toBeGreaterThan(255 * mib)
  expect(growth.sealing).toBeLessThan(mostGrowth)
  expect(growth.applying).toBeLessThan(mostGrowth)
})

it('the memory that a transaction takes is seen where somebody keeps all of it', async () => {
  const { applying, kept } = await growthOf(true)
  expect(kept).toBe(mutations + 100)
  expect(applying).toBeGreaterThan(1.5 * mostGrowth)
})
