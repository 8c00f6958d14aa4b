import { makeDeadLetter } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { type ListingStore, storeDeadLetters } from '../../src/index.ts'

const bytesOf = new Map<string, Uint8Array>()
const store: ListingStore = {
  put: async (name, bytes) => void bytesOf.set(name, bytes),
  get: async (name) => bytesOf.get(name),
  delete: async (name) => void bytesOf.delete(name),
  list: async (prefix, after = '') =>
    [...bytesOf.keys()].filter((name) => name.startsWith(prefix) && name > after).sort(),
}
const open = () => storeDeadLetters({ store, prefix: 'dead-letters/shared/' })

test('a letter that two processes put at once is listed and counted once', async () => {
  const letter = makeDeadLetter({ id: 'the same', target: 'only' })
  const [first, second] = [open(), open()]
  await Promise.all([first.put([letter]), second.put([letter])])
  const { letters } = await first.list({})
  expect(letters.map(({ id }) => id)).toEqual(['the same'])
  expect(await second.count()).toEqual(new Map([['only', 1]]))
  expect(await first.remove([letter.id])).toBe(1)
  expect((await second.list({})).letters).toEqual([])
})
