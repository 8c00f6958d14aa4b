import { queueConformance, scaledClock } from '@daybook/core/testing'
import { describe, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { mortalClient } from './mortal-client.ts'
import { troubledModel } from './support/troubled-model.ts'

const clock = scaledClock(10)
const seed = Number(process.env['DAYBOOK_SEED'])

// What comes twice, fails or is throttled is not among these troubles: the suite counts what is handed out,
// and takes every failure for one. sqs-troubles.test.ts has all of them.
describe('sqsQueue on a standard queue of the model that gives some of what it holds in any order', () => {
  const cases = queueConformance({ clock, seed, shortDelayMs: 2_000, quietMs: 60, create })
  test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
})

function create() {
  const model = troubledModel(clock, seed, { disordered: 1, sampled: 0.5 })
  const queueUrl = model.createQueue('records')
  let living = mortalClient(model)
  return {
    queue: () =>
      sqsQueue({
        ...{ client: living.client, queueUrl, waitMs: 1_000 },
        ...{ visibilityMs: 10_000, requestTimeoutMs: 60_000 },
      }),
    crash: () => {
      living.die()
      living = mortalClient(model)
    },
  }
}
