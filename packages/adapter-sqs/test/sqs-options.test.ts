import { VirtualClock } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

const model = new SqsModel({ clock: new VirtualClock() })
const queueUrl = 'https://sqs.model/000000000000/records.fifo'
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
