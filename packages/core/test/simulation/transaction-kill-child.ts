/**
 * One life of a process that makes transactions and plain writes over a few keys, and delivers them to a
 * store that does not guard by version, until it is killed; the last life until all is delivered.
 */
import { appendFileSync, writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import {
  applied,
  createWal,
  multiPartitionMutation,
  permanent,
  type Target,
  transient,
} from '../../src/index.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'

export interface TransactionKillTask {
  readonly directory: string
  readonly seed: number
  readonly isLast: boolean
  /** True: records fail, some for good, and dead letters are redriven or discarded meanwhile. The last life has none of that. */
  readonly hasTrouble: boolean
  /** Whose states are noted at the end of the last life. */
  readonly ids: readonly string[]
}

const task: TransactionKillTask = JSON.parse(process.argv[2] ?? '{}')
const isTroubled = task.hasTrouble && !task.isLast
const random = new SeededRandom(task.seed)
const keys = Array.from({ length: 8 }, (_, index) => `key${index}`)

/** Begins on a line of its own, as the one before may be half a line. */
function note(file: string, ...lines: readonly object[]): void {
  const text = lines.map((line) => `\n${JSON.stringify(line)}`).join('')
  appendFileSync(join(task.directory, file), text)
}

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

function target(name: string, appliesInOrder: boolean): Target {
  return {
    idempotency: 'version',
    appliesInOrder,
    async apply(given) {
      if (random.chance(0.3)) await wait(random.integer(0, 2))
      const failsAt = isTroubled && random.chance(0.2) ? random.integer(0, given.length - 1) : -1
      const records = failsAt === -1 ? given : given.slice(0, failsAt)
      const lines = records.map(({ id, key, version, transaction }) => ({
        ...{ id, key, target: name, version: `${version}` },
        ...{ transaction: transaction?.id, index: transaction?.index },
      }))
      if (lines.length > 0) note('store', ...lines)
      if (random.chance(0.2)) await wait(1)
      const failure = random.chance(0.5) ? permanent('BROKEN', 'never') : transient('BUSY', 'later')
      return given.map((_, at) => (at < records.length ? applied : failure))
    },
  }
}

const wal = await createWal({
  directory: join(task.directory, 'wal'),
  namespaces: {
    rows: multiPartitionMutation({
      targets: { base: target('base', false), index: target('index', true) },
      retry: { maxAttempts: 50, minDelay: 1, maxDelay: 5 },
    }),
  },
})
const rows = wal.namespace('rows')
wal.on('error', ({ error }) => note('errors', { code: error.code, message: error.message }))
say('open')
flushCompileCache()
await wal.start()

async function transact(): Promise<void> {
  const mutations = random.integer(1, 12)
  const isDropped = random.chance(0.15)
  const size = random.chance(0.05) ? 200_000 : 20
  try {
    const { id } = await rows.transaction(async (tx) => {
      note('begun', { id: tx.id, mutations, isDropped })
      for (let count = 0; count < mutations; count++) {
        const mutation = { key: random.pick(keys), payload: 'x'.repeat(size) }
        await tx.put(random.chance(0.7) ? 'base' : 'index', mutation)
      }
      if (isDropped) throw new Error('dropped')
    })
    note('sealed', { id })
  } catch (error) {
    if (!isDropped) throw error
  }
}

async function write(): Promise<void> {
  const { id } = await rows.write({ key: random.pick(keys), payload: 'plain', target: 'base' })
  note('written', { id })
}

/** What cannot be applied is tried again soon, or given up. */
async function mend(): Promise<void> {
  const { letters } = await rows.deadLetters.list({ limit: 10 })
  for (const { id, stored } of letters) {
    await wait(random.integer(0, 5))
    const ids = { ids: [id] }
    if (random.chance(0.7)) {
      note('redriven', ids)
      await rows.deadLetters.redrive(ids)
    } else {
      // Before: nobody knows whether it is discarded where the process dies.
      note('discarded', { id: stored.id })
      await rows.deadLetters.discard(ids)
    }
  }
}

if (task.isLast) {
  await wal.drain()
  await rows.deadLetters.redrive('all')
  await wal.drain()
  const dead = (await rows.deadLetters.list()).letters.map(({ code, message }) => ({
    code,
    message,
  }))
  note('dead', ...dead)
  for (const id of task.ids) note('ends', { id, state: (await rows.transactionStatus(id))?.state })
  const status = await wal.status()
  note(
    'pending',
    ...Object.values(status.namespaces.rows.targets).map(({ pending }) => ({ pending })),
  )
  await wal.close()
  say('closed')
} else {
  const worker = async (): Promise<void> => {
    for (;;) {
      await (random.chance(0.6) ? transact() : write())
      // Faster than they are delivered they would only pile up, and be sent again at each beginning of a life.
      await wait(random.integer(0, 8))
    }
  }
  const mender = async (): Promise<void> => {
    for (;;) {
      await mend()
      await wait(random.integer(0, 10))
    }
  }
  await Promise.all([worker(), worker(), worker(), worker(), task.hasTrouble && mender()])
}
