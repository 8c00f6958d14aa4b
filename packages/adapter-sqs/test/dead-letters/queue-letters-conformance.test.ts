import { deadLetterQueueConformance, scaledClock } from '@daybook/core/testing'
import { describe, test } from 'vitest'
import { queueDeadLetters } from '../../src/index.ts'
import { SqsModel } from '../../src/testing/index.ts'
import { fourteenDaysMs } from '../support/letter-queue.ts'
import { troubledModel } from '../support/troubled-model.ts'

const clock = scaledClock(20)
/** A machine that stands still for a moment, does so for seconds by this clock: no time-out is to be over by that. */
const patient = { requestTimeoutMs: 600_000, maxLookMs: 60_000 }

describe('queueDeadLetters on the model', () => {
  const cases = deadLetterQueueConformance({ create: () => subject(new SqsModel({ clock })) })
  test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
})

const seed = Number(process.env['DAYBOOK_SEED'])

describe('queueDeadLetters on a model that samples and disorders messages', () => {
  const troubles = { disordered: 0.5, sampled: 0.5 }
  const cases = deadLetterQueueConformance({
    create: () => subject(troubledModel(clock, seed, troubles)),
  })
  test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
})

describe('queueDeadLetters on a model that repeats messages as well', () => {
  const troubles = { repeated: 0.1, disordered: 0.5, sampled: 0.5 }
  const all = deadLetterQueueConformance({
    create: () => subject(troubledModel(clock, seed, troubles)),
  })
  // A deleted message that comes once more is counted until then, and is a letter again for a process that did not
  // delete it: where something is removed no exact answer can be asked for.
  const cases = all.filter(({ name }) => !/remov|gone|discard|replace/.test(name))
  test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
})

function subject(model: SqsModel) {
  const queueUrl = model.createQueue('letters', { retentionMs: fourteenDaysMs })
  return { open: () => queueDeadLetters({ client: model, queueUrl, clock, ...patient }) }
}
