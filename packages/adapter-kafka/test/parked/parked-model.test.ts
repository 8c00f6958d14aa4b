import { expect, test } from 'vitest'
import { Run, type Troubles } from './support/model-run.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

const both: readonly boolean[] = [false, true]
const troubles: readonly Troubles[] = both.flatMap((lags) =>
  both.map((closes) => ({ lags, closes })),
)

/** Some under which it is red if any of its rules is left out, and others. */
const runs: readonly (readonly [seed: number, troubles: Troubles])[] = [
  ...[50_002, 50_004, 50_007, 50_009, 50_019, 50_035, 50_275, 50_379, 50_441].map(
    (one) => [one, {}] as const,
  ),
  ...[300_068, 300_342, 300_351, 300_471, 300_472].map((one) => [one, { lags: true }] as const),
  ...Array.from(
    { length: 32 },
    (_, at) => [seed + at * 1_000_003, troubles[at % troubles.length] ?? {}] as const,
  ),
]

test.for(runs.map(([one, has], at) => [at, one, has] as const))(
  'nothing that is parked is lost, passes what stands before it, or waits for ever: run %i',
  { timeout: 60_000 },
  async ([, one, has]) => {
    const run = new Run(one, has)
    await run.rough(40)
    await run.peace()
    expect(run.leftovers()).toEqual([])
    expect(run.disorders()).toEqual([])
  },
)
