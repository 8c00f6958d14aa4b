import { expect, test } from 'vitest'
import { isHandover, kafkaError } from '../src/kafka-errors.ts'

test('an error of a client is told in whole sentences, and what kafkajs has wrapped is found', () => {
  const own = Object.assign(new Error('Not the leader of the group.'), {
    type: 'ILLEGAL_GENERATION',
  })
  const wrapped = new Error('Not the leader of the group', { cause: own })
  for (const cause of [own, wrapped]) {
    expect(isHandover(cause)).toBe(true)
    expect(kafkaError('Consuming', cause).message).toMatch(
      /^Consuming: ILLEGAL_GENERATION, Not the leader of the group\. [A-Z][^.]*\.$/,
    )
  }
  expect(isHandover(new Error('The wire is cut.'))).toBe(false)
})
