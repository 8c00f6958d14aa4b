import { type QueueContext, systemRandom } from '@daybook/core'
import { VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'
import { fourteenDaysMs } from './support/letter-queue.ts'

/** The policies of the queues, by their URLs. */
let policies: Map<string, string>
let urls: Readonly<Record<'ingress' | 'target' | 'delays', string>>
let context: QueueContext
let model: SqsModel
beforeEach(() => {
  const clock = new VirtualClock()
  model = new SqsModel({ clock })
  policies = new Map()
  urls = {
    ingress: model.createQueue('records.fifo'),
    target: model.createQueue('target.fifo'),
    delays: model.createQueue('delays'),
  }
  const attributesOf = model.getQueueAttributes.bind(model)
  model.getQueueAttributes = async (input) => {
    const { Attributes } = await attributesOf(input)
    const RedrivePolicy = policies.get(input.QueueUrl)
    return {
      Attributes: RedrivePolicy === undefined ? Attributes : { ...Attributes, RedrivePolicy },
    }
  }
  context = {
    ...{ namespace: 'policies', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: () => {} },
  }
})

async function open(): Promise<void> {
  const { ingress, target, delays } = urls
  const queues = { queueUrl: ingress, delayQueueUrl: delays, targetQueueUrls: { only: target } }
  await sqsQueue({ client: model, ...queues }).open(context)
}

const policy = (maxReceiveCount: unknown): string =>
  JSON.stringify({
    deadLetterTargetArn: 'arn:aws:sqs:eu-west-1:000000000000:dead',
    maxReceiveCount,
  })

describe('a redrive policy of SQS itself', () => {
  test.each(['ingress', 'target', 'delays'] as const)(
    'that moves records away early is refused for the queue: %s',
    async (name) => {
      for (const count of [3, '3', 99]) {
        policies.set(urls[name], policy(count))
        await expect(open()).rejects.toMatchObject({
          code: 'ERR_CONFIG',
          message: expect.stringMatching(
            new RegExp(`${urls[name]}.*maxReceiveCount is ${count}.*100`),
          ),
        })
      }
    },
  )

  test('is taken where it waits for a hundred hand-outs, and where there is none', async () => {
    await open()
    for (const url of Object.values(urls)) policies.set(url, policy('100'))
    await open()
    for (const url of Object.values(urls)) policies.set(url, '')
    await open()
  })

  test('that cannot be read is refused', async () => {
    for (const text of ['{', 'null', '{}']) {
      policies.set(urls.ingress, text)
      await expect(open()).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    }
  })
})

describe('a redrive policy into the queue of the dead letters', () => {
  const arn = 'arn:aws:sqs:eu-west-1:000000000000:dead'
  const opened = async (targets: readonly string[]): Promise<void> => {
    const deadLetterQueueUrl = model.createQueue('dead', { retentionMs: fourteenDaysMs })
    const attributesOf = model.getQueueAttributes
    model.getQueueAttributes = async (input) => {
      const { Attributes } = await attributesOf(input)
      if (input.QueueUrl !== deadLetterQueueUrl) return { Attributes }
      return { Attributes: { ...Attributes, QueueArn: arn } }
    }
    const targetQueueUrls: Record<string, string> = {}
    for (const target of targets) {
      targetQueueUrls[target] = model.createQueue(target)
      policies.set(targetQueueUrls[target], policy(100))
    }
    const queueUrl = model.createQueue('records')
    const queue = sqsQueue({ client: model, queueUrl, targetQueueUrls, deadLetterQueueUrl })
    await queue.open({ ...context, targets })
    await (await queue.deadLetters?.())?.close()
  }

  test('is taken where there is one target', async () => {
    await opened(['one'])
  })

  test('is refused where there are several, for what it moves could not be redriven', async () => {
    await expect(opened(['one', 'other'])).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringMatching(/one leads into `deadLetterQueueUrl`.*2 targets/),
    })
  })
})
