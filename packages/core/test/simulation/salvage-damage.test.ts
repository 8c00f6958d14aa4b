import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { checkSalvage, truthOf } from '../queue/file/inspect/support/check-salvage.ts'
import {
  cutFiles,
  type Damage,
  harmAtRandom,
  wrongBytes,
} from '../queue/file/inspect/support/damages.ts'
import { type QueueFiles, sampleQueue } from '../queue/file/inspect/support/sample-queue.ts'

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

describe.each(['killed', 'closed'] as const)('a queue that was %s', (end) => {
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
