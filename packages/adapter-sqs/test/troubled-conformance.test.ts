import { queueConformance, runConformance, scaledClock } from '@daybook/core/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { type SqsClient, sqsQueue } from '../src/index.ts'
import { mortalClient } from './mortal-client.ts'
import { OnceEach } from './support/once-each.ts'
import { troubledModel } from './support/troubled-model.ts'

const clock = scaledClock(10)
const seed = Number(process.env['DAYBOOK_SEED'])
const common = { clock, seed, shortDelayMs: 2_000, quietMs: 60, patienceMs: 20_000 }

/** Of all cases: without any they would have shown nothing. */
let repeats = 0
/** Each model has a seed of its own: of one and the same, there are such that repeat nothing in time. */
let models = 0

// What fails or is throttled is not among these troubles, for the suite takes every failure for one.
// sqs-troubles.test.ts has all of them.
describe.each([
  { kind: 'queue', fansOut: false },
  { kind: 'queue that is copied from', fansOut: true },
])(
  'sqsQueue on a standard $kind of the model that repeats messages, in any order',
  ({ fansOut }) => {
    const all = queueConformance({ ...common, create: () => subject({ fansOut }) })
    // A message that is copied twice is two in the target's queue, and SQS counts the hand-outs of each.
    const countsAttempts = 'counts an attempt that was'
    // What is released with a delay may be repeated before that, and goes out again as what it is: a repeat.
    const waitsForDelay = 'does not hand out a record released with a delay'
    const cases = all.filter(
      ({ name }) =>
        !name.startsWith(waitsForDelay) && !(fansOut && name.startsWith(countsAttempts)),
    )
    test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
    afterAll(() => expect(repeats).toBeGreaterThan(0))
  },
)

test('an adapter that does not delete what it acks has more repeats than the model makes', async () => {
  const create = () => subject({ fansOut: false, deletes: false })
  const name = 'does not hand out an acked record again'
  // Longer than messages are hidden.
  const options = { ...common, quietMs: 300, create }
  const cases = queueConformance(options).filter((one) => one.name === name)
  const [result] = await runConformance(cases)
  expect(String(result?.failure)).toContain('repeats where the model made')
}, 60_000)

function subject({ fansOut, deletes = true }: { fansOut: boolean; deletes?: boolean }) {
  const model = troubledModel(clock, seed + models++, {
    repeated: 0.2,
    // A case is over long before what it holds would come by itself.
    repeatedWithinMs: 1_000,
    disordered: 1,
    sampled: 0.5,
  })
  const queueUrl = model.createQueue('records')
  const targetQueueUrls = { first: model.createQueue('first'), second: model.createQueue('second') }
  const once = new OnceEach()
  let living = mortalClient(model)
  let hasCrashed = false
  return {
    queue: () => {
      const { client } = living
      const options = { queueUrl, waitMs: 1_000, visibilityMs: deletes ? 40_000 : 2_000 }
      return once.over(
        sqsQueue({
          ...{ ...options, requestTimeoutMs: 60_000, client: deletes ? client : keeping(client) },
          ...(fansOut ? { targetQueueUrls } : {}),
        }),
      )
    },
    crash: () => {
      living.die()
      living = mortalClient(model)
      hasCrashed = true
    },
    dispose: () => {
      repeats += once.repeats
      // One that dies between its copies and the deletion copies again.
      if (hasCrashed || once.repeats <= model.repeated) return
      throw new Error(`${once.repeats} repeats where the model made ${model.repeated}`)
    },
  }
}

/** Says that it deletes, and does not. */
function keeping(client: SqsClient): SqsClient {
  return {
    ...client,
    deleteMessageBatch: async ({ Entries }) => ({
      Successful: Entries.map(({ Id }) => ({ Id })),
      Failed: [],
    }),
  }
}
