import {
  applied,
  createWal,
  fanOut,
  memoryQueue,
  type Outcome,
  type Target,
  type,
  type WalRecord,
} from '../../src/index.ts'

export interface Film {
  readonly title: string
}

/** A target that answers as its script says, and remembers what it was given. */
export class ScriptedTarget implements Target<Film> {
  readonly idempotency = 'version'
  readonly given: WalRecord<Film>[] = []
  answer: (record: WalRecord<Film>) => Outcome

  constructor(answer: (record: WalRecord<Film>) => Outcome = () => applied) {
    this.answer = answer
  }

  async apply(records: readonly WalRecord<Film>[]): Promise<readonly Outcome[]> {
    this.given.push(...records)
    return records.map((record) => this.answer(record))
  }

  get titles(): string[] {
    return this.given.map((record) => (record.op === 'put' ? record.payload.title : record.op))
  }
}

export const retry = { maxAttempts: 3, minDelay: 1, maxDelay: 2 } as const

export async function filmsWal(targets: Record<string, ScriptedTarget>, options: object = {}) {
  const wal = await createWal({
    namespaces: {
      films: fanOut({
        payload: type<Film>(),
        queue: memoryQueue(),
        targets,
        retry,
        ...options,
      }),
    },
  })
  return { wal, films: wal.namespace('films') }
}
