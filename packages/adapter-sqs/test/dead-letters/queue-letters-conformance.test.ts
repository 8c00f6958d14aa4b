import { deadLetterQueueConformance, scaledClock } from '@daybook/core/testing'
import { describe, test } from 'vitest'
import { queueDeadLetters } from '../../src/index.ts'
import { SqsModel } from '../../src/testing/index.ts'
import { fourteenDaysMs } from '../support/letter-queue.ts'
import { troubledModel } from '../support/troubled-model.ts'

const clock = scaledClock(50)

describe('queueDeadLetters on the model', () => {
  const cases = deadLetterQueueConformance({ create: () => subject(new SqsModel({ clock })) })
  test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
})

describe('queueDeadLetters on a model that repeats, samples and disorders messages', () => {
  const seed = Number(process.env['DAYBOOK_SEED'])
  // A deleted one that comes once more is counted until then. It is waited for, but not for as long as one may be hidden.
  const troubles = { repeated: 0.1, repeatedWithinMs: 5_000, disordered: 0.5, sampled: 0.5 }
  const cases = deadLetterQueueConformance({
    create: () => subject(troubledModel(clock, seed, troubles)),
  })
  test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
})

function subject(model: SqsModel) {
  const queueUrl = model.createQueue('letters', { retentionMs: fourteenDaysMs })
  return { open: () => queueDeadLetters({ client: model, queueUrl, clock }) }
}
