import { ConfigError } from '../config/config-error.ts'
import type { ResolvedNamespace } from '../config/resolve.ts'
import type { Queue } from '../queue/queue.ts'
import type { DeadLetterQueue } from './dlq.ts'

/** Where a namespace's dead letters go; undefined where they are off. */
export async function lettersOf(
  { name, deadLetters }: ResolvedNamespace,
  queue: Queue,
): Promise<DeadLetterQueue | undefined> {
  if (deadLetters === 'off') return undefined
  const letters = deadLetters ?? (await queue.deadLetters())
  await letters?.open?.({ namespace: name })
  if (letters !== undefined) return letters
  throw new ConfigError([
    {
      path: `namespaces.${name}.deadLetters`,
      reason: `a ${queue.kind} queue brings none; give a dead-letter queue, or 'off' to drop what cannot be applied`,
    },
  ])
}
