/** Lets one of the actors that wait for their turn go on, as the schedule says. */
export class Turns {
  readonly #waiting = new Map<string, () => void>()
  readonly #schedule: readonly number[]
  /** How many could have gone at each step. */
  readonly choices: number[] = []
  #running = 0
  #stopped = false

  constructor(schedule: readonly number[]) {
    this.#schedule = schedule
  }

  /** Resolves when it is this actor's turn; never once the process is dead. */
  wait(actor: string): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#stopped) this.#waiting.set(actor, resolve)
    })
  }

  /** Runs the actors until all have ended, or have made so many steps together. */
  async run(actors: readonly (() => Promise<unknown>)[], mostSteps: number): Promise<void> {
    this.#running = actors.length
    for (const actor of actors) void actor().finally(() => this.#running--)
    for (let step = 0; step < mostSteps; step++) {
      await settled()
      const ready = [...this.#waiting.keys()].sort()
      if (ready.length === 0) break
      const choice = this.#schedule[step] ?? 0
      this.choices.push(ready.length)
      const actor = ready[Math.min(choice, ready.length - 1)] as string
      const go = this.#waiting.get(actor)
      this.#waiting.delete(actor)
      go?.()
    }
    await settled()
    this.#stopped = true
    this.#waiting.clear()
  }
}

/** Everything has run that waits for nothing but promises: none of it takes more turns than these. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve()
}

/** Runs every schedule once: depth first, the last choice that can be another one is changed next. */
export async function forEachSchedule(
  run: (schedule: readonly number[]) => Promise<readonly number[]>,
): Promise<number> {
  let schedule: number[] = []
  for (let count = 1; ; count++) {
    const choices = await run(schedule)
    const full = choices.map((_, step) => schedule[step] ?? 0)
    let step = full.length - 1
    while (step >= 0 && (full[step] ?? 0) + 1 >= (choices[step] ?? 1)) step--
    if (step < 0) return count
    schedule = [...full.slice(0, step), (full[step] ?? 0) + 1]
  }
}
