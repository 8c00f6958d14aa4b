import { makeDeadLetter, makeStoredRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { letterMessage, letterOf } from '../../src/dead-letters/letter-message.ts'
import { RecentLetters } from '../../src/dead-letters/recent-letters.ts'
import type { KafkaEntry } from '../../src/index.ts'

function entryAt(offset: number, payload = new Uint8Array(1_000)): KafkaEntry {
  const letter = makeDeadLetter({ record: makeStoredRecord({ payload }) })
  return { ...letterMessage(letter), offset, timestamp: 0 }
}

function add(recent: RecentLetters, entry: KafkaEntry) {
  const letter = letterOf(entry)
  if (letter === undefined) throw new Error('There is no letter in it.')
  recent.add(entry, letter)
  return letter
}

test('of the letters that were read last the oldest go first, by their bytes', () => {
  const recent = new RecentLetters(5_000)
  const entries = Array.from({ length: 6 }, (_, offset) => entryAt(offset))
  for (const entry of entries) add(recent, entry)
  const kept = entries.map(({ offset }) => recent.get(offset) !== undefined)
  expect(kept[0]).toBe(false)
  expect(kept[5]).toBe(true)
  expect(kept).toEqual(kept.toSorted())
  add(recent, entryAt(9, new Uint8Array(6_000)))
  expect([...entries, { offset: 9 }].map(({ offset }) => recent.get(offset))).toEqual(
    Array.from({ length: 7 }),
  )
})

test('whoever writes into the bytes of a letter changes them for nobody else', () => {
  const recent = new RecentLetters(5_000)
  const entry = entryAt(0, Uint8Array.of(1, 2, 3))
  const bytesOf = () => [...(recent.get(0)?.record.payload ?? [])]
  add(recent, entry)
  entry.value?.fill(9)
  expect(bytesOf()).toEqual([1, 2, 3])
  recent.get(0)?.record.payload?.fill(9)
  expect(bytesOf()).toEqual([1, 2, 3])
})
