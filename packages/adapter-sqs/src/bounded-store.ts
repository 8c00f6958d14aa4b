import { type Clock, WalError } from '@daybook/core'
import type { PayloadStore } from './payload-store.ts'

/** Most names that are remembered: some megabytes. */
const mostNames = 10_000

/** A store that knows what it was told to delete. */
export interface RememberingStore extends PayloadStore {
  /** True for a name of this process's last some thousand deletions. None is put again under the same name. */
  wasDeleted?(name: string): boolean
}

/**
 * A store that answers within a time, if only with a failure: one that never does would hold up a key,
 * and the closing of the queue, for ever.
 */
export function boundedStore(
  store: PayloadStore,
  clock: Clock,
  timeoutMs: number,
): RememberingStore {
  const within = <T>(work: Promise<T>): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const timer = clock.setTimer(timeoutMs, () => {
      const message = `The store did not answer within ${timeoutMs} ms (\`storeTimeoutMs\`).`
      reject(new WalError('ERR_IO', message, { retryable: true }))
    })
    work.then(resolve, reject).finally(() => timer.cancel())
    return promise
  }
  const deleted = new Set<string>()
  return {
    // It may take its time: nothing waits for it.
    ...(store.sweep && { sweep: store.sweep.bind(store) }),
    ...(store.touch && { touch: (name: string) => within(store.touch?.(name) as Promise<void>) }),
    put: (name, bytes) => within(store.put(name, bytes)),
    get: (name) => within(store.get(name)),
    delete: (name) => {
      deleted.add(name)
      const [oldest] = deleted
      if (deleted.size > mostNames && oldest !== undefined) deleted.delete(oldest)
      return within(store.delete(name))
    },
    wasDeleted: (name) => deleted.has(name),
  }
}
