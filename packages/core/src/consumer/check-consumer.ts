import { ConfigError } from '../config/config-error.ts'
import { shown } from '../error-text.ts'
import type { Consumer } from './consumer.ts'

/** Whose consumer it is. */
export interface ConsumerPlace {
  readonly namespace: string
  readonly target: string
}

/** Throws `ERR_CONFIG` where what a queue's consumer says of itself is nothing to go by. */
export function checkConsumer({ acks }: Consumer, { namespace, target }: ConsumerPlace): void {
  if (acks === undefined) return
  const path = `namespaces.${namespace}.queue.consumer('${target}').acks`
  if (typeof acks !== 'object' || acks === null) {
    const reason = `is ${shown(acks)}; it must be { atOnce, records }, or be left out`
    throw new ConfigError([{ path, reason }])
  }
  const wrong = (['atOnce', 'records'] as const)
    .filter((name) => !(Number.isSafeInteger(acks[name]) && acks[name] >= 1))
    .map((name) => ({
      path: `${path}.${name}`,
      reason: `is ${shown(acks[name])}; it must be a whole number of 1 or more`,
    }))
  if (wrong.length > 0) throw new ConfigError(wrong)
}
