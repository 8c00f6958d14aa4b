import { MultipleErrors, NetworkError, ResponseError } from '@platformatic/kafka'
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

test('what a broker answers is never taken for silence', () => {
  const joinKey = 11
  const answer = new ResponseError(joinKey, 9, { '/': [26, null] }, {})
  const session = kafkaError('Joining', answer)
  expect(session).toMatchObject({ code: 'ERR_CONFIG', retryable: false })
  expect(session.message).toMatch(/INVALID_SESSION_TIMEOUT.*`sessionTimeoutMs`/)
  const unlisted = kafkaError('Joining', Object.assign(new Error('No'), { type: 'SOME_ERROR' }))
  expect(unlisted).toMatchObject({ code: 'ERR_IO', retryable: true })
  expect(unlisted.message).toMatch(/^Joining: SOME_ERROR, No\. The broker answers so/)
})

test("a broker's own words stand in the message, whatever the client calls it", () => {
  const createKey = 19
  const words = "Topic 'a_b' collides with existing topic: a.b"
  const answer = new ResponseError(createKey, 7, { '/topics/0': [17, words] }, {})
  const error = kafkaError('Creating', new MultipleErrors('Creating topics failed.', [answer]))
  expect(error.code).toBe('ERR_CONFIG')
  expect(error.message).toContain(
    `INVALID_TOPIC_EXCEPTION, Creating topics failed (${words}). Give`,
  )
})

test('why there is no connection stands in the message, not only how often it was tried', () => {
  const refused = new NetworkError('Connection to 127.0.0.1:1 failed.', {
    cause: new Error('connect ECONNREFUSED 127.0.0.1:1'),
  })
  const tried = new MultipleErrors('Cannot connect to any broker.', [refused])
  const error = kafkaError('Opening', new MultipleErrors('metadata failed 4 times.', [tried]))
  expect(error).toMatchObject({ code: 'ERR_IO', retryable: true })
  expect(error.message).toBe(
    'Opening: metadata failed 4 times (connect ECONNREFUSED 127.0.0.1:1). The brokers did not answer: see that they run, and that they can be reached from here.',
  )
})
