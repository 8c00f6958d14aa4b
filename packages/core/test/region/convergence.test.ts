import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { Replication } from '../../src/region/replication.ts'
import { Mesh, type Step } from './support/mesh.ts'
import type { MeshDoubles } from './support/mesh-store.ts'
import { names } from './support/regions.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

const region = fc.constantFrom(...names)
const link = fc.constantFrom(
  ...names.flatMap((from) => names.filter((to) => to !== from).map((to) => ({ from, to }))),
)

const write = fc.record({
  do: fc.constantFrom('put', 'put', 'patch', 'delete'),
  in: region,
  key: fc.constantFrom('a', 'b', 'c'),
  delay: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 5000 })),
})
const wait = fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: 3000 }) })
const cut = link.chain((each) =>
  fc.record({ do: fc.constantFrom('cut', 'mend'), ...constants(each) }),
)
const slow = link.chain((each) =>
  fc.record({ do: fc.constant('slow'), ms: fc.integer({ min: 0, max: 2000 }), ...constants(each) }),
)
const crash = fc.record({ do: fc.constant('crash'), in: region })
const store = fc.record({ do: fc.constant('store'), in: region, isDown: fc.boolean() })
/** Mostly within the bound of a second, sometimes far from it. */
const drift = fc.record({
  do: fc.constant('drift'),
  in: region,
  ms: fc.oneof(fc.integer({ min: -900, max: 900 }), fc.constantFrom(-60_000, 60_000)),
})

const steps = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: write },
    { weight: 4, arbitrary: wait },
    { weight: 3, arbitrary: cut },
    { weight: 1, arbitrary: slow },
    { weight: 1, arbitrary: crash },
    { weight: 1, arbitrary: store },
    { weight: 1, arbitrary: drift },
  ),
  { minLength: 20, maxLength: 60, size: 'max' },
) as fc.Arbitrary<Step[]>

function constants<T extends object>(values: T): { [K in keyof T]: fc.Arbitrary<T[K]> } {
  const entries = Object.entries(values).map(([name, value]) => [name, fc.constant(value)])
  return Object.fromEntries(entries) as { [K in keyof T]: fc.Arbitrary<T[K]> }
}

/** Runs until something is wrong; answers what, or nothing after so many runs. */
async function firstWrong(doubles: MeshDoubles, numRuns: number): Promise<readonly string[]> {
  let wrong: readonly string[] = []
  await fc.assert(
    fc.asyncProperty(steps, fc.integer(), async (each, meshSeed) => {
      if (wrong.length === 0) wrong = await new Mesh(meshSeed, doubles).run(each)
    }),
    { seed, numRuns },
  )
  return wrong
}

describe('three regions', () => {
  for (const [peersEnd, what] of [
    ['wal', 'end the same, whatever is written, cut, slow, crashed or off'],
    ['queue', 'end the same where each writes into the queues of the others'],
    ['store', 'end the same where each writes into the stores of the others'],
    ['each', 'end the same where two send to wals, two to queues, and two to stores'],
  ] as const) {
    it(what, async () => {
      const sums = { written: 0, refused: 0, crashes: 0, held: 0 }
      await fc.assert(
        fc.asyncProperty(steps, fc.integer(), async (each, meshSeed) => {
          const mesh = new Mesh(meshSeed, {}, peersEnd)
          expect(await mesh.run(each)).toEqual([])
          for (const [count, more] of Object.entries(mesh.counts))
            sums[count as keyof typeof sums] += more
        }),
        // What fails is told as small as it has become by then, rather than not at all.
        { seed, numRuns: peersEnd === 'wal' ? 30 : 20, interruptAfterTimeLimit: 60_000 },
      )
      // Nobody holds what is ahead before a store.
      if (peersEnd === 'store') sums.held++
      for (const [count, sum] of Object.entries(sums)) expect(sum, count).toBeGreaterThan(0)
    }, 120_000)
  }

  const breaks: readonly (readonly [string, MeshDoubles, RegExp])[] = [
    ['a store does not guard by version', { isNewer: () => true }, /holds .* the newest is/],
    [
      'versions of regions tie',
      { isNewer: (version, than) => version >> 4n > than >> 4n },
      /holds .* the newest is/,
    ],
    [
      'patches go to stores with one version per row',
      { onePerRow: true },
      /holds .* the newest is/,
    ],
    [
      'a store forgets deletes sooner than records may come',
      { forgetsAfterMs: 500 },
      /holds .* the newest is/,
    ],
    ['a record gets lost on its way', { loses: ({ op }) => op === 'delete' }, /is lost/],
  ]
  for (const [what, doubles, expected] of breaks) {
    it(`are found to end otherwise where ${what}`, async () => {
      expect((await firstWrong(doubles, 200)).join()).toMatch(expected)
    }, 120_000)
  }

  it('are found to send on what they were sent where nothing keeps them from it', async () => {
    const concerns = vi.spyOn(Replication.prototype, 'concerns').mockReturnValue(true)
    const wrong = await firstWrong({}, 50).finally(() => concerns.mockRestore())
    expect(wrong.join()).toMatch(/sends on to/)
  }, 60_000)
})
