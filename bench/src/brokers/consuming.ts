import { bytesCodec, createWal, type Queue } from '@daybook/core'

/** Counts what comes, until all of it has. */
export class Arrivals {
  readonly #expected: number
  readonly #all = Promise.withResolvers<void>()
  #count = 0

  constructor(expected: number) {
    this.#expected = expected
  }

  add(records: number): void {
    this.#count += records
    if (this.#count === this.#expected) this.#all.resolve()
    if (this.#count > this.#expected) {
      this.#all.reject(new Error(`${this.#count} records came, of ${this.#expected}`))
    }
  }

  /** Resolves with the last of them. Rejects if nothing moves on for a minute, or if more come. */
  async whole(): Promise<void> {
    let before = -1
    const watchdog = setInterval(() => {
      if (this.#count === before) {
        this.#all.reject(new Error(`${this.#count} records of ${this.#expected} came, and no more`))
      }
      before = this.#count
    }, 60_000)
    try {
      await this.#all.promise
    } finally {
      clearInterval(watchdog)
    }
  }
}

/**
 * Ours: a wal that delivers to a target that does nothing. `done` is called once all has arrived, before
 * the wal is closed. `applied` counts what the target was given: the arrivals, unless those are told
 * from elsewhere.
 */
export async function consumeThroughWal<R>(
  queue: Queue,
  arrivals: Arrivals,
  done: () => R,
  applied: (records: number) => void = (records) => arrivals.add(records),
): Promise<R> {
  const counting = {
    idempotency: 'id' as const,
    apply: async (records: readonly unknown[]) => applied(records.length),
  }
  const wal = await createWal({
    namespaces: {
      bench: {
        ...{ codec: bytesCodec, queue, order: queue.supports.order },
        ...{ targets: { counting }, deadLetters: queue.kind === 'kafka' ? undefined : 'off' },
      },
    },
  })
  try {
    await wal.start()
    await arrivals.whole()
    return done()
  } finally {
    await wal.close()
  }
}
