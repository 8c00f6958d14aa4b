import type { DeadLetterQueue, QueueContext } from '@daybook/core'
import { claimsPrefix } from '../sqs-claims.ts'
import type { SqsSettings } from '../sqs-options.ts'
import { type CheckedQueue, checkApart } from '../sqs-place.ts'
import { checkRedriveTargets } from '../sqs-redrive-policy.ts'
import { QueueDeadLetters } from './queue-dead-letters.ts'
import { defaultLook } from './queue-letters-options.ts'
import { storeDeadLetters } from './store-dead-letters.ts'

/**
 * The dead letters of a namespace: in the store; without one in the queue. With both they go to the store, and what
 * lies in the queue is moved there: letters from before there was a store, and records that SQS moved away by itself.
 */
export async function lettersOfNamespace(
  settings: SqsSettings,
  { namespace, targets, clock, reportError }: QueueContext,
  others: readonly CheckedQueue[],
): Promise<DeadLetterQueue | undefined> {
  const { deadLetterStore: store, deadLetterQueueUrl: queueUrl } = settings
  const inStore = store && storeDeadLetters({ store, prefix: `dead-letters/${namespace}/` })
  if (queueUrl === undefined) return inStore
  const inQueue = new QueueDeadLetters({
    ...{ ...settings, ...defaultLook, queueUrl, clock, targets, movesTo: inStore },
    claimName: settings.store && ((tail) => `${claimsPrefix(namespace)}letters/${tail}`),
    report: (error) => reportError(error),
    renewed: () => {},
  })
  try {
    const facts = await inQueue.open({ namespace })
    checkApart([...others, { url: queueUrl, ...facts }])
    checkRedriveTargets(others, targets, facts.arn)
  } catch (error) {
    await inQueue.close()
    throw error
  }
  return inStore === undefined ? inQueue : closingBoth(inStore, inQueue)
}

function closingBoth(store: DeadLetterQueue, queue: DeadLetterQueue): DeadLetterQueue {
  return {
    put: (letters) => store.put(letters),
    list: (options) => store.list(options),
    get: (id) => store.get(id),
    remove: (ids) => store.remove(ids),
    summaries: () => store.summaries(),
    count: () => store.count(),
    // First what moves letters there.
    close: async () => {
      try {
        await queue.close()
      } finally {
        await store.close()
      }
    },
  }
}
