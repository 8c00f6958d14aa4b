import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { bundled } from './bundled.ts'
import { TestProcess } from './kill-process.ts'
import type { TransactionKillTask } from './transaction-kill-child.ts'

const seed = Number(process.env['DAYBOOK_SEED'] ?? 1)
const directories = 4
const killsPerDirectory = 50

interface Applied {
  readonly id: string
  readonly key: string
  readonly target: string
  readonly version: string
  readonly transaction?: string
  readonly index?: number
}

function linesOf<T>(directory: string, file: string): readonly T[] {
  const path = join(directory, file)
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as T]
      } catch {
        return []
      }
    })
}

/** Kills life after life, then lets one come to its end. */
async function runLives(script: string, directory: string, random: SeededRandom): Promise<void> {
  const environment = { NODE_COMPILE_CACHE: join(directory, '..', 'compiled') }
  for (let life = 0; life <= killsPerDirectory; life++) {
    const isLast = life === killsPerDirectory
    const task: TransactionKillTask = { directory, seed: random.integer(0, 2 ** 30), isLast }
    const child = new TestProcess(script, task, { environment })
    await child.line('open')
    if (isLast) expect(await child.line('closed'), (await child.ended).complaints).toBe('closed')
    else {
      await wait(random.integer(0, 120))
      child.kill('SIGKILL')
      const { signal, complaints } = await child.ended
      expect(signal, complaints).toBe('SIGKILL')
    }
  }
}

function violationsOf(directory: string): readonly string[] {
  const begun = linesOf<{ id: string; mutations: number; isDropped: boolean }>(directory, 'begun')
  const store = linesOf<Applied>(directory, 'store')
  const sealed = new Set(linesOf<{ id: string }>(directory, 'sealed').map(({ id }) => id))
  const plain = new Set(store.map(({ id }) => id))
  const indexes = new Map<string, Set<number>>()
  for (const { transaction, index } of store) {
    if (transaction === undefined || index === undefined) continue
    indexes.set(transaction, (indexes.get(transaction) ?? new Set()).add(index))
  }
  const wrong = begun.flatMap(({ id, mutations, isDropped }) => {
    const count = indexes.get(id)?.size ?? 0
    if (isDropped && count > 0) return [`${id} was never sealed, and is applied`]
    if (count !== 0 && count !== mutations) return [`${id} is applied by ${count} of ${mutations}`]
    return sealed.has(id) && count === 0 ? [`${id} was sealed, and is lost`] : []
  })
  const lost = linesOf<{ id: string }>(directory, 'written').filter(({ id }) => !plain.has(id))
  return [...wrong, ...lost.map(({ id }) => `the write ${id} is lost`), ...wrongEnds(store)]
}

/** The store does not guard by version: what it was given last stays. */
function wrongEnds(store: readonly Applied[]): readonly string[] {
  const last = new Map<string, bigint>()
  const highest = new Map<string, bigint>()
  for (const { target, key, version } of store) {
    const place = `${target} ${key}`
    const now = BigInt(version)
    const before = highest.get(place) ?? 0n
    last.set(place, now)
    highest.set(place, now > before ? now : before)
  }
  const wrong = [...last].filter(([place, version]) => version !== highest.get(place))
  return wrong.map(([place]) => `${place} ends with an older change`)
}

it('transactions of a process that is killed 200 times are whole or not at all, and in order', async ({
  annotate,
}) => {
  const root = await mkdtemp(join(tmpdir(), 'daybook-transactions-'))
  const all = Array.from({ length: directories }, (_, at) => join(root, `${at}`))
  try {
    const script = await bundled(join(import.meta.dirname, 'transaction-kill-child.ts'), root)
    await Promise.all(
      all.map(async (directory, at) => {
        await mkdir(directory)
        await runLives(script, directory, new SeededRandom(seed + at))
      }),
    )
    for (const directory of all) {
      const begun = linesOf<object>(directory, 'begun').length
      const store = linesOf<object>(directory, 'store').length
      await annotate(JSON.stringify({ begun, sealed: linesOf(directory, 'sealed').length, store }))
      expect(violationsOf(directory)).toEqual([])
      expect(linesOf(directory, 'dead')).toEqual([])
      expect(linesOf(directory, 'errors')).toEqual([])
      expect(linesOf(directory, 'pending')).toEqual([{ pending: 0 }, { pending: 0 }])
      expect(begun).toBeGreaterThan(80)
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})
