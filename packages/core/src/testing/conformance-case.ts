/**
 * One demand of an interface, as data: run it under any test runner, or against an implementation
 * broken on purpose to see that it turns red.
 */
export interface ConformanceCase {
  /** What must hold, as a sentence. Unique within a suite. */
  readonly name: string
  /** Resolves if it holds; rejects with an `AssertionError` that quotes the contract if not. */
  run(): Promise<void>
}

/** How one case ended. */
export interface ConformanceResult {
  readonly name: string
  /** Why it failed; undefined if it passed. */
  readonly failure: unknown
}

/** How {@link runConformance} goes through the cases. */
export interface RunOptions {
  /** How many cases run at once; default 1. */
  readonly concurrency?: number
}

/** Runs the cases without a test runner and tells how each ended. Never rejects. */
export async function runConformance(
  cases: readonly ConformanceCase[],
  options: RunOptions = {},
): Promise<readonly ConformanceResult[]> {
  const results: ConformanceResult[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < cases.length; at = next++) {
      const { name, run } = cases[at] as ConformanceCase
      results[at] = { name, failure: await failureOf(run) }
    }
  }
  await Promise.all(Array.from({ length: options.concurrency ?? 1 }, worker))
  return results
}

async function failureOf(run: () => Promise<void>): Promise<unknown> {
  try {
    await run()
    return undefined
  } catch (error) {
    return error ?? new Error('The case rejected with nothing.')
  }
}
