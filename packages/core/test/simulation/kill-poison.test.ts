import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import type { PoisonLetter, PoisonTask, PoisonWrite } from './kill-poison-child.ts'
import { TestProcess } from './kill-process.ts'

const script = join(import.meta.dirname, 'kill-poison-child.ts')

interface Aftermath {
  /** Lives that a record ended. */
  readonly deaths: number
  readonly letters: readonly PoisonLetter[]
  /** What each target has applied, in its order. */
  readonly applied: ReadonlyMap<string, readonly string[]>
}

/** Starts the process again until it comes through. */
async function liveUntilDone(options: Omit<PoisonTask, 'directory'>): Promise<Aftermath> {
  const directory = await temporaryDirectory()
  for (let deaths = 0; deaths < 20; deaths++) {
    const writes = deaths === 0 ? options.writes : []
    const child = new TestProcess(script, { ...options, directory, writes })
    const { code, signal, complaints } = await child.ended
    expect(complaints).toBe('')
    if (signal === 'SIGKILL') continue
    expect(code).toBe(0)
    const told = await child.line('letters')
    const letters: PoisonLetter[] = JSON.parse(told?.slice('letters'.length) ?? '[]')
    const applied = new Map<string, readonly string[]>()
    for (const target of options.targets) {
      const lines = await readFile(join(directory, target), 'utf8')
      applied.set(target, lines.split('\n').slice(0, -1))
    }
    return { deaths, letters, applied }
  }
  throw new Error('the record that kills is never given up')
}

/** So many records, each of a key of its own; those at the given places kill that target. */
function harmless(count: number, kills: Record<number, string> = {}): PoisonWrite[] {
  return Array.from({ length: count }, (_, index) => {
    const target = kills[index]
    const write = { key: `key${index}`, name: `record${index}` }
    return target === undefined ? write : { ...write, kills: target }
  })
}

function letterOf(name: string, target: string, attempts: number): PoisonLetter {
  return {
    name,
    target,
    code: 'ERR_INTERRUPTED',
    attemptsSpent: attempts,
    attempts: Array.from({ length: attempts }, () => 'interrupted ERR_INTERRUPTED'),
  }
}

describe('a record whose apply kills the process', () => {
  it('is a dead letter after its attempts, and the records in its batch are applied', async () => {
    const writes = [...harmless(20, { 7: 'store' }), { key: 'key7', name: 'the next of its key' }]
    const { deaths, letters, applied } = await liveUntilDone({
      targets: ['store'],
      writes,
      maxAttempts: 3,
      applyMs: 0,
    })
    expect(deaths).toBe(3)
    expect(letters).toEqual([letterOf('record7', 'store', 3)])
    const names = writes.map(({ name }) => name).filter((name) => name !== 'record7')
    expect(new Set(applied.get('store'))).toEqual(new Set(names))
  })

  it('takes no attempts from records that are being applied at the same time', async () => {
    const { deaths, letters, applied } = await liveUntilDone({
      targets: ['store'],
      writes: harmless(12, { 3: 'store' }),
      maxAttempts: 2,
      applyMs: 20,
    })
    expect(letters).toEqual([letterOf('record3', 'store', 2)])
    expect(deaths).toBe(2)
    expect(new Set(applied.get('store')).size).toBe(11)
  })

  it('makes no dead letters at another target, where it is harmless', async () => {
    const { letters, applied } = await liveUntilDone({
      targets: ['slow', 'deadly'],
      writes: harmless(12, { 2: 'deadly' }),
      maxAttempts: 2,
      applyMs: 20,
    })
    expect(letters).toEqual([letterOf('record2', 'deadly', 2)])
    expect(new Set(applied.get('slow')).size).toBe(12)
    expect(new Set(applied.get('deadly')).size).toBe(11)
  })

  it('is told from the innocent also where two of them kill', async () => {
    const { deaths, letters, applied } = await liveUntilDone({
      targets: ['store'],
      writes: harmless(12, { 1: 'store', 8: 'store' }),
      maxAttempts: 3,
      applyMs: 1,
    })
    expect(letters.map(({ name }) => name).toSorted()).toEqual(['record1', 'record8'])
    // The first two deaths count for both: they were in one batch, then suspected together.
    expect(deaths).toBe(4)
    expect(new Set(applied.get('store')).size).toBe(10)
  })
})
