import { queueConformance, scaledClock } from '@daybook/core/testing'
import { describe, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'
import { mortalClient } from './mortal-client.ts'

const factor = 10
const clock = scaledClock(factor)

/** Cases that wait for seconds to go by, by SQS's own clock. */
const common = {
  clock,
  shortDelayMs: 2_000,
  quietMs: 60,
  patienceMs: 20_000,
  seed: Number(process.env['DAYBOOK_SEED']),
}

describe.each([
  { kind: 'standard', isFifo: false, fansOut: false },
  { kind: 'FIFO', isFifo: true, fansOut: false },
  { kind: 'standard, forwarding', isFifo: false, fansOut: true },
  { kind: 'FIFO, forwarding', isFifo: true, fansOut: true },
])('sqsQueue on the model ($kind)', ({ isFifo, fansOut }) => {
  const cases = queueConformance({ ...common, create: () => subject(isFifo, fansOut) })
  test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
})

function subject(isFifo: boolean, fansOut: boolean) {
  const model = new SqsModel({ clock })
  const create = (name: string): string => model.createQueue(isFifo ? `${name}.fifo` : name)
  const queueUrl = create('records')
  const targets = { targetQueueUrls: { first: create('first'), second: create('second') } }
  const delays = isFifo ? { delayQueueUrl: model.createQueue('delays') } : {}
  let process = mortalClient(model)
  return {
    queue: () =>
      sqsQueue({
        ...{ client: process.client, queueUrl, ...delays, ...(fansOut ? targets : {}) },
        // Four seconds by the machine's clock: one that stands still for longer has its messages handed out again.
        ...{ waitMs: 1_000, visibilityMs: 40_000, requestTimeoutMs: 60_000 },
      }),
    crash: () => {
      process.die()
      process = mortalClient(model)
    },
  }
}
