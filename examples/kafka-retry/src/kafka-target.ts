import { type Outcome, permanent, type Target, transient, unavailable } from '@daybook/core'
import type { Producer } from 'kafkajs'
import { messageOf, type Rating } from './rating.ts'

/** The target that sends what has waited. What the broker says decides whether it is down, or something is wrong. */
export function kafkaTarget(producer: Pick<Producer, 'send'>, topic: string): Target<Rating> {
  return {
    idempotency: 'id',
    ops: ['put'],
    // A film's messages go to one partition, in the order of the batch.
    appliesInOrder: true,
    async apply(records) {
      const messages = records.flatMap(({ op, payload }) =>
        op === 'put' ? messageOf(payload) : [],
      )
      try {
        await producer.send({ topic, acks: -1, messages })
        return undefined
      } catch (cause) {
        const outcome = meaningOf(cause)
        // It may be the batch that is too large, or one of its messages: the log tries halves, until it has found out.
        if (outcome.status === 'permanent' && records.length > 1) throw cause
        return records.map(() => outcome)
      }
    },
  }
}

/** The broker looked at the message, and will never take it. */
const refusals: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
])

function meaningOf(error: unknown): Outcome & { readonly status: string } {
  const code = brokerErrorOf(error) ?? 'KAFKA'
  const { message } = error as Error
  if (refusals.has(code)) return permanent(code, message, { cause: error })
  // A topic that is gone. A broker that has just started says so as well: so it takes some attempts to believe it.
  if (code === 'UNKNOWN_TOPIC_OR_PARTITION') return transient(code, message, { cause: error })
  // Everything else is Kafka's: nobody listens, no leader, too few replicas. No rating is to blame.
  return unavailable(code, message, { cause: error })
}

/** The broker's name for what went wrong, wherever in kafkajs's error it stands. */
function brokerErrorOf(error: unknown): string | undefined {
  const { type, cause, errors } = (error ?? {}) as {
    readonly type?: unknown
    readonly cause?: unknown
    readonly errors?: readonly unknown[]
  }
  if (typeof type === 'string') return type
  const inner = cause ?? errors?.[0]
  return inner === undefined ? undefined : brokerErrorOf(inner)
}
