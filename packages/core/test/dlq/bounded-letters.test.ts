import { expect, it } from 'vitest'
import { memoryDeadLetterQueue } from '../../src/dlq/memory-dlq.ts'
import { createWal, type DeadLetterQueue, fanOut, memoryQueue, type } from '../../src/index.ts'
import { makeDeadLetter } from '../../src/testing/index.ts'

/** A namespace whose dead-letter queue looks at some of its letters, and at all where it is not `cut`. */
async function boundedLetters(cut: boolean) {
  const whole = memoryDeadLetterQueue()
  let summarised = 0
  const deadLetters: DeadLetterQueue = {
    supports: { listing: false, counts: false },
    put: (letters) => whole.put(letters),
    list: async (options) => ({ ...(await whole.list(options)), ...(cut && { cut }) }),
    get: (id) => whole.get(id),
    remove: (ids) => whole.remove(ids),
    summaries: () => {
      summarised++
      return whole.summaries()
    },
    count: () => Promise.reject(new Error('it cannot count')),
    close: () => whole.close(),
  }
  await deadLetters.put([makeDeadLetter({ target: 'store' }), makeDeadLetter({ target: 'store' })])
  const wal = await createWal({
    namespaces: {
      films: fanOut({
        ...{ payload: type<object>(), queue: memoryQueue(), deadLetters },
        targets: { store: { idempotency: 'id', apply: async () => [] } },
      }),
    },
  })
  await wal.start()
  return { wal, letters: wal.namespace('films').deadLetters, summarised: () => summarised }
}

it('a wal starts without reading letters that cannot be listed, and its status leaves them open', async () => {
  const { wal, summarised } = await boundedLetters(false)
  expect(summarised()).toBe(0)
  expect((await wal.status()).namespaces.films.targets.store.dead).toBeUndefined()
  await wal.close()
})

it('groups are those of a whole look, and a page says that it was cut', async () => {
  const whole = await boundedLetters(false)
  expect(await whole.letters.groups()).toMatchObject([{ target: 'store', count: 2 }])
  expect(await whole.letters.list()).not.toHaveProperty('cut')
  await whole.wal.close()
  const part = await boundedLetters(true)
  await expect(part.letters.groups()).rejects.toMatchObject({ code: 'ERR_NOT_SUPPORTED' })
  expect(await part.letters.list()).toMatchObject({ cut: true, letters: [{}, {}] })
  await part.wal.close()
})

it('a discard of what a look found is done, and says so where there may be others', async () => {
  const whole = await boundedLetters(false)
  expect(await whole.letters.discard('all')).toBe(2)
  await whole.wal.close()
  const part = await boundedLetters(true)
  await expect(part.letters.discard({ target: 'store' })).rejects.toMatchObject({
    code: 'ERR_DEAD_LETTERS_UNSEEN',
    retryable: true,
    message: expect.stringContaining('2 dead letters were discarded'),
  })
  expect((await part.letters.list()).letters).toEqual([])
  // Nothing is said of others where letters are named.
  expect(await part.letters.discard({ ids: ['none'] })).toBe(0)
  await part.wal.close()
})

it('a redrive of what a look found reports that there may be others', async () => {
  const whole = await boundedLetters(false)
  expect(await whole.letters.redrive('all')).not.toHaveProperty('cut')
  await whole.wal.close()
  const part = await boundedLetters(true)
  expect(await part.letters.redrive('all', { dryRun: true })).toMatchObject({ cut: true })
  const report = await part.letters.redrive({ target: 'store' })
  expect(report).toMatchObject({ cut: true, redriven: [expect.anything(), expect.anything()] })
  expect(await part.letters.redrive({ ids: [] })).not.toHaveProperty('cut')
  expect(part.summarised()).toBe(0)
  await part.wal.close()
})
