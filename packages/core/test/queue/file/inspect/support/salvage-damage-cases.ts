import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../../../../src/testing/seeded-random.ts'
import { checkSalvage, truthOf } from './check-salvage.ts'
import { cutFiles, type Damage, harmAtRandom, wrongBytes } from './damages.ts'
import { type QueueFiles, sampleQueue } from './sample-queue.ts'

const seed = Number(process.env['DAYBOOK_SEED'] ?? 1)

type Harm = (files: QueueFiles) => Iterable<Damage>

function* manyHarms(files: QueueFiles): Generator<Damage> {
  const random = new SeededRandom(seed)
  for (let run = 0; run < 1000; run++) yield harmAtRandom(files, random)
}

const harms: readonly (readonly [string, Harm])[] = [
  ['any one byte is wrong', wrongBytes],
  ['any file is cut anywhere', cutFiles],
  ['any harm is done in several places', manyHarms],
]

/** Every byte of a queue's files wrong, and every file cut, one after the other: a minute and more. */
export function testSalvageOfDamage(end: 'closed' | 'killed'): void {
  describe(`a queue that was ${end}`, () => {
    it.each(harms)('is read and copied as far as it is whole when %s', async (_, harm) => {
      const truth = await truthOf(await sampleQueue(end))
      const wrong: string[] = []
      for (const { what, files } of harm(truth.sample.files)) {
        const found = await checkSalvage(truth, files)
        wrong.push(...found.map((violation) => `${what}: ${violation}`))
      }
      expect(wrong.slice(0, 30)).toEqual([])
    })
  })
}
