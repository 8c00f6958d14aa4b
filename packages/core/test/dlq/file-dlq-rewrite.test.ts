import { expect, it } from 'vitest'
import { openFileDeadLetterQueue } from '../../src/dlq/file-dlq.ts'
import { makeDeadLetter, makeStoredRecord } from '../../src/testing/make-record.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { ReadsAtOnce } from '../support/reads-at-once.ts'

function makeLetters(count: number) {
  return Array.from({ length: count }, (_, at) =>
    makeDeadLetter({
      record: makeStoredRecord({ key: `k${at}`, payload: Buffer.alloc(1000, at) }),
    }),
  )
}

it('many dead letters are read at once for a new file of them, and none gets lost or mixed up', async () => {
  const disk = new ReadsAtOnce('.journal')
  const queue = await openFileDeadLetterQueue({
    directory: await disk.directory(),
    fileSystem: disk.fileSystem,
    namespace: 'films',
    random: new SeededRandom(1),
    leastDeadBytes: 50_000,
    reportError: (error) => {
      throw error
    },
  })
  disk.rewrites = 0
  const letters = makeLetters(150)
  await queue.put(letters)
  await queue.remove(letters.slice(0, 80).map(({ id }) => id))
  // Behind it, as it is done one at a time.
  const late = makeLetters(1)
  await queue.put(late)
  expect(disk.rewrites).toBe(1)
  expect(disk.most).toBeGreaterThan(8)
  const { letters: left } = await queue.list({ limit: 1000 })
  expect(left).toEqual([...letters.slice(80), ...late])
  await queue.close()
})
