/**
 * Delivers records of which some kill the process that applies them. What a target has applied is
 * added to the target's file. Says which dead letters there are once all is done.
 */
import { appendFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createWal, fanOut, type Target, type } from '../../src/index.ts'

/** A record: its name, and the target that dies of it. */
export interface PoisonWrite {
  readonly key: string
  readonly name: string
  readonly kills?: string
}

/** What a test asks of a life. */
export interface PoisonTask {
  readonly directory: string
  readonly targets: readonly string[]
  /** Written before delivery begins. */
  readonly writes: readonly PoisonWrite[]
  readonly maxAttempts: number
  /** Time that applying harmless records takes, in ms. */
  readonly applyMs: number
}

/** A dead letter, as the child tells it. */
export interface PoisonLetter {
  readonly name: string
  readonly target: string
  readonly code: string
  readonly attemptsSpent: number
  /** Class and code of each. */
  readonly attempts: readonly string[]
}

const task: PoisonTask = JSON.parse(process.argv[2] ?? '{}')

function targetOf(name: string): Target<PoisonWrite> {
  return {
    idempotency: 'version',
    async apply(records) {
      if (records.some(({ payload }) => payload?.kills === name)) {
        process.kill(process.pid, 'SIGKILL')
      }
      if (task.applyMs > 0) await wait(task.applyMs)
      const lines = records.map(({ payload }) => `${payload?.name}\n`)
      appendFileSync(join(task.directory, name), lines.join(''))
    },
  }
}

const wal = await createWal({
  directory: join(task.directory, 'wal'),
  namespaces: {
    films: fanOut({
      payload: type<PoisonWrite>(),
      targets: Object.fromEntries(task.targets.map((name) => [name, targetOf(name)])),
      retry: { maxAttempts: task.maxAttempts, minDelay: 1, maxDelay: 1 },
    }),
  },
})
const films = wal.namespace('films')
await films.writeMany(task.writes.map((write) => ({ key: write.key, payload: write })))
await wal.start()
await wal.drain()
const { letters } = await films.deadLetters.list()
const told = letters.map(
  ({ record, target, code, attemptsSpent, attempts }): PoisonLetter => ({
    name: record?.op === 'put' ? record.payload.name : '',
    target,
    code,
    attemptsSpent,
    attempts: attempts.map((attempt) => `${attempt.class} ${attempt.code}`),
  }),
)
writeSync(1, `letters ${JSON.stringify(told)}\n`)
await wal.close()
