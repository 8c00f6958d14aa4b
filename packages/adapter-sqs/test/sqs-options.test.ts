import { VirtualClock } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import { directoryStore, queueDeadLetters, sqsQueue, storeDeadLetters } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

const model = new SqsModel({ clock: new VirtualClock() })
const queueUrl = 'https://sqs.model/000000000000/records.fifo'
const lettersUrl = 'https://sqs.model/000000000000/letters'
const made = (options: object) => () => sqsQueue({ client: model, queueUrl, ...options })

describe('the queues of the targets', () => {
  test('are refused where two targets are given the same one', () => {
    const [first, second] = ['first', 'second'].map((name) => queueUrl.replace('records', name))
    const repeating = made({ targetQueueUrls: { a: first, b: second, c: first } })
    expect(repeating).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG',
        message: expect.stringMatching(/`targetQueueUrls\.c`.*`targetQueueUrls\.a`/),
      }),
    )
    expect(made({ targetQueueUrls: { a: first, b: second } })).not.toThrow()
  })

  test('are refused where one is the queue that is copied from', () => {
    expect(made({ targetQueueUrls: { a: queueUrl } })).toThrow(/`targetQueueUrls\.a`.*`queueUrl`/)
  })
})

describe('an option', () => {
  const store = { put: async () => {}, get: async () => undefined, delete: async () => {} }
  const wrong: readonly (readonly [string, object])[] = [
    ['visibiltyMs', { visibiltyMs: 30_000 }],
    ['queueUrl', { queueUrl: 7 }],
    ['queueUrl', { queueUrl: 'records.fifo' }],
    ['queueUrl', { queueUrl: 'arn:aws:sqs:eu-west-1:123456789012:records.fifo' }],
    ['deadLetterQueueUrl', { deadLetterQueueUrl: 'letters' }],
    ['delayQueueUrl', { delayQueueUrl: 7 }],
    ['targetQueueUrls', { targetQueueUrls: {} }],
    ['targetQueueUrls', { targetQueueUrls: 'https://sqs.model/000000000000/a.fifo' }],
    ['targetQueueUrls.a', { targetQueueUrls: { a: undefined } }],
    ['store.get', { store: { ...store, get: undefined } }],
    ['store.put', { store: null }],
    ['deadLetterStore.list', { deadLetterStore: store }],
    ['deadLetterQueueUrl', { deadLetterQueueUrl: '' }],
    ['deadLetterQueueUrl', { deadLetterQueueUrl: queueUrl }],
    ['deadLetterQueueUrl', { deadLetterQueueUrl: 'https://sqs.model/000000000000/dead.fifo' }],
    ['receivers', { receivers: 1.5 }],
    ['maxMessageBytes', { maxMessageBytes: 2_000.5 }],
    ['visibilityMs', { visibilityMs: 43_200_000 }],
  ]
  test.each(wrong)('that is wrong is named in the error: %s of %j', (option, options) => {
    const message = expect.stringContaining(`\`${option}\``)
    expect(made(options)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG', message }))
  })
})

test('a queue that is named, and not by its URL, is told what a URL looks like', () => {
  expect(made({ queueUrl: 'records.fifo' })).toThrow(
    /`queueUrl` must be a queue's URL, such as https:\S+, not "records\.fifo"/,
  )
  expect(made({ maxMessageBytes: '2048' })).toThrow(/`maxMessageBytes` must be .* and is "2048"/)
})

describe('what a program without types passes instead of options', () => {
  const store = { put: async () => {}, get: async () => undefined, delete: async () => {} }
  const wrong: readonly (readonly [string, (given: never) => unknown, unknown])[] = [
    ['sqsQueue', sqsQueue, undefined],
    ['sqsQueue', sqsQueue, null],
    ['sqsQueue', sqsQueue, queueUrl],
    ['storeDeadLetters', storeDeadLetters, undefined],
    ['storeDeadLetters', storeDeadLetters, { store, prefix: 'letters/' }],
    ['storeDeadLetters', storeDeadLetters, { store: { ...store, list: async () => [] } }],
    ['queueDeadLetters', queueDeadLetters, undefined],
    ['queueDeadLetters', queueDeadLetters, { client: model, queueUrl: lettersUrl.concat('.fifo') }],
    ['queueDeadLetters', queueDeadLetters, { client: {}, queueUrl: lettersUrl }],
    ['queueDeadLetters', queueDeadLetters, { client: model, queueUrl: lettersUrl, maxLeters: 1 }],
    ['queueDeadLetters', queueDeadLetters, { client: model, queueUrl: lettersUrl, maxLetters: 0 }],
    ['queueDeadLetters', queueDeadLetters, { client: model, queueUrl: lettersUrl, store }],
    ['directoryStore', directoryStore, undefined],
    ['directoryStore', directoryStore, { directory: '/mnt/shared' }],
  ]
  test.each(wrong)('is refused with ERR_CONFIG by %s: %#', (name, make, given) => {
    const message = expect.stringMatching(new RegExp(`^${name}: `))
    expect(() => make(given as never)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG', message }),
    )
  })
})
