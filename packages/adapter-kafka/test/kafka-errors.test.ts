import { ResponseError } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import { brokerErrorOf, isHandover, isRefusal, kafkaError } from '../src/kafka-errors.ts'

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

test('what is said of single records, without a name, hides not that their batch is refused', () => {
  const produceKey = 0
  const at = '/responses/0/partition_responses/0'
  const perRecord = { [`${at}/record_errors/0`]: [-1, 'It has no key'] as [number, string] }
  const ofBatch = { [at]: [87, 'One of them was refused'] as [number, string] }
  const refused = new ResponseError(produceKey, 9, { ...perRecord, ...ofBatch }, {})
  expect(brokerErrorOf(refused)).toBe('INVALID_RECORD')
  expect(isRefusal(refused)).toBe(true)
  const unknown = new ResponseError(produceKey, 9, perRecord, {})
  expect(brokerErrorOf(unknown)).toBe('UNKNOWN_SERVER_ERROR')
  expect(isRefusal(unknown)).toBe(false)
})
