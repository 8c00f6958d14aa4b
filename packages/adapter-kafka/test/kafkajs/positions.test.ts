import { expect, test } from 'vitest'
import { Positions } from '../../src/kafkajs/positions.ts'

const place = { topic: 'films', partition: 0 }

test('a batch of which nothing is passed on takes the position behind it, from wherever it begins before that', () => {
  const positions = new Positions()
  expect(positions.passedOver(place, 0, 3)).toBe('known')
  positions.goTo(place, 5)
  expect(positions.passedOver(place, 0, 4)).toBe('known')
  expect(positions.passedOver(place, 5, 5)).toBe('go on')
  expect(positions.passedOver(place, 3, 8)).toBe('go on')
  expect(positions.next(place)).toBe(9)
})

test('a batch that begins behind the position is believed when it comes again after that was asked for', () => {
  const positions = new Positions()
  positions.goTo(place, 5)
  expect(positions.passedOver(place, 7, 9)).toBe('ask again')
  expect(positions.next(place)).toBe(5)
  // It was from before a seek, and what is asked for again has something for us.
  positions.goTo(place, 6)
  expect(positions.passedOver(place, 7, 9)).toBe('ask again')
  expect(positions.passedOver(place, 7, 9)).toBe('go on')
  expect(positions.next(place)).toBe(10)
})
