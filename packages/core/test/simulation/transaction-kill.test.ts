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
/** Of each: so many directories, each of so many kills, of lives that are so long at most once they are open. */
const kinds = [
  { what: 'killed 200 times', directories: 4, kills: 50, lifeMs: 120, hasTrouble: false },
  {
    what: 'killed 60 times as some fail for good',
    directories: 3,
    kills: 20,
    lifeMs: 400,
    hasTrouble: true,
  },
] as const
type Kind = (typeof kinds)[number]

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
async function runLives(
  { kills, lifeMs, hasTrouble }: Kind,
  script: string,
  directory: string,
  random: SeededRandom,
): Promise<void> {
  const environment = { NODE_COMPILE_CACHE: join(directory, '..', 'compiled') }
  for (let life = 0; life <= kills; life++) {
    const isLast = life === kills
    const ids = isLast ? linesOf<{ id: string }>(directory, 'begun').map(({ id }) => id) : []
    const kind = { isLast, hasTrouble, ids }
    const task: TransactionKillTask = { directory, seed: random.integer(0, 2 ** 30), ...kind }
    const child = new TestProcess(script, task, { environment })
    await child.line('open')
    if (isLast) expect(await child.line('closed'), (await child.ended).complaints).toBe('closed')
    else {
      await wait(random.integer(0, lifeMs))
      child.kill('SIGKILL')
      const { signal, complaints } = await child.ended
      expect(signal, complaints).toBe('SIGKILL')
    }
  }
}

function violationsOf(directory: string, { hasTrouble }: Kind): readonly string[] {
  const discarded = new Set(linesOf<{ id: string }>(directory, 'discarded').map(({ id }) => id))
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
    if (discarded.has(id) && !isDropped) return []
    if (isDropped && count > 0) return [`${id} was never sealed, and is applied`]
    if (count !== 0 && count !== mutations) return [`${id} is applied by ${count} of ${mutations}`]
    return sealed.has(id) && count === 0 ? [`${id} was sealed, and is lost`] : []
  })
  const open = linesOf<{ id: string; state?: string }>(directory, 'ends').filter(
    ({ state = 'discarded' }) => state !== 'applied' && state !== 'discarded',
  )
  const lost = linesOf<{ id: string }>(directory, 'written').filter(
    ({ id }) => !plain.has(id) && !discarded.has(id),
  )
  return [
    ...wrong,
    ...open.map(({ id, state }) => `${id} ends ${state}`),
    ...lost.map(({ id }) => `the write ${id} is lost`),
    ...outOfSequence(store),
    // What is redriven is applied late; a store that guards by version would not take it.
    ...(hasTrouble ? [] : wrongEnds(store)),
  ]
}

/** Mutations that a target was given for the first time after a later one of their transaction. */
function outOfSequence(store: readonly Applied[]): readonly string[] {
  const seen = new Set<string>()
  const highest = new Map<string, number>()
  return store.flatMap(({ target, transaction, index }) => {
    if (transaction === undefined || index === undefined) return []
    const place = `${transaction} at ${target}`
    const before = highest.get(place) ?? -1
    const isNew = !seen.has(`${place}: ${index}`)
    seen.add(`${place}: ${index}`)
    highest.set(place, Math.max(before, index))
    return isNew && index < before ? [`mutation ${index} of ${place} came after ${before}`] : []
  })
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

it.for(kinds)(
  'transactions of a process that is $what are whole or not at all, and in order',
  async (kind, { annotate }) => {
    const root = await mkdtemp(join(tmpdir(), 'daybook-transactions-'))
    const all = Array.from({ length: kind.directories }, (_, at) => join(root, `${at}`))
    try {
      const script = await bundled(join(import.meta.dirname, 'transaction-kill-child.ts'), root)
      await Promise.all(
        all.map(async (directory, at) => {
          await mkdir(directory)
          await runLives(kind, script, directory, new SeededRandom(seed + at))
        }),
      )
      for (const directory of all) {
        const countOf = (file: string) => linesOf<object>(directory, file).length
        const begun = countOf('begun')
        const counts = ['begun', 'store', 'sealed', 'redriven', 'discarded'].map(countOf)
        await annotate(counts.join(', '))
        expect(violationsOf(directory, kind)).toEqual([])
        expect(linesOf(directory, 'dead')).toEqual([])
        expect(linesOf(directory, 'errors')).toEqual([])
        expect(linesOf(directory, 'pending')).toEqual([{ pending: 0 }, { pending: 0 }])
        expect(begun).toBeGreaterThan(1.5 * kind.kills)
      }
      for (const file of ['redriven', 'discarded']) {
        const lines = all.flatMap((directory) => linesOf(directory, file))
        expect(lines.length > 0, file).toBe(kind.hasTrouble)
      }
    } finally {
      await rm(root, { recursive: true, force: true })
    }
  },
)
