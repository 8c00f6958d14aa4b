import { expect, test } from 'vitest'
import { makeKeys, makeTitles } from '../../src/peers/payloads.ts'

test.each([256, 1024, 5000])('makes titles whose JSON is exactly %i bytes', (bytes) => {
  const titles = makeTitles(200, bytes)
  const lengths = new Set(titles.map((title) => Buffer.byteLength(JSON.stringify(title))))
  expect(lengths).toEqual(new Set([bytes]))
  expect(new Set(titles.map((title) => title.id)).size).toBe(200)
})

test('says how much room a title needs', () => {
  expect(() => makeTitles(1, 10)).toThrow(/takes \d+ bytes of JSON, not 10/)
})

test('makes distinct keys', () => {
  expect(new Set(makeKeys(10_000)).size).toBe(10_000)
})
