import { type Clock, WalError } from '@daybook/core'
import type { PayloadStore } from './payload-store.ts'

/**
 * A store that answers within a time, if only with a failure: one that never does would hold up a key,
 * and the closing of the queue, for ever.
 */
export function boundedStore(store: PayloadStore, clock: Clock, timeoutMs: number): PayloadStore {
  const within = <T>(work: Promise<T>): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const timer = clock.setTimer(timeoutMs, () => {
      const message = `The store did not answer within ${timeoutMs} ms (\`storeTimeoutMs\`).`
      reject(new WalError('ERR_IO', message, { retryable: true }))
    })
    work.then(resolve, reject).finally(() => timer.cancel())
    return promise
  }
  return {
    // It may take its time: nothing waits for it.
    ...(store.sweep && { sweep: store.sweep.bind(store) }),
    ...(store.touch && { touch: (name: string) => within(store.touch?.(name) as Promise<void>) }),
    put: (name, bytes) => within(store.put(name, bytes)),
    get: (name) => within(store.get(name)),
    delete: (name) => within(store.delete(name)),
  }
}
