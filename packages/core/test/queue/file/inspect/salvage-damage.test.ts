import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { checkSalvage, truthOf } from './support/check-salvage.ts'
import { harmAtRandom } from './support/damages.ts'
import { sampleQueue } from './support/sample-queue.ts'

// Every single byte, and every cut, is tried in test/simulation/salvage-damage-*.test.ts.

const seed = Number(process.env['DAYBOOK_SEED'])

describe('a damaged queue', () => {
  it.each(['killed', 'closed'] as const)(
    'is read as far as it is whole, after being %s',
    async (end) => {
      const random = new SeededRandom(seed)
      const truth = await truthOf(await sampleQueue(end))
      const wrong: string[] = []
      for (let run = 0; run < 150; run++) {
        const { what, files } = harmAtRandom(truth.sample.files, random)
        const found = await checkSalvage(truth, files)
        wrong.push(...found.map((violation) => `${what}: ${violation}`))
      }
      expect(wrong.slice(0, 30)).toEqual([])
    },
  )
})
