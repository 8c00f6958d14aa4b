import type { PayloadStore } from './payload-store.ts'

/** Most names that are remembered: some megabytes. */
const mostNames = 10_000

/** A store that knows what it was told to delete. */
export interface RememberingStore extends PayloadStore {
  /** True for a name of the last some thousand deletions through it. None is put again under the same name. */
  wasDeleted?(name: string): boolean
}

/**
 * The store as one queue's messages are read from it. Each queue has one of its own: where a body is missing, all targets'
 * copies name it, and what one of them is done with the others have yet to be told of.
 */
export function rememberingStore(store: PayloadStore): RememberingStore {
  const deleted = new Set<string>()
  return {
    ...store,
    delete: (name) => {
      deleted.add(name)
      const [oldest] = deleted
      if (deleted.size > mostNames && oldest !== undefined) deleted.delete(oldest)
      return store.delete(name)
    },
    wasDeleted: (name) => deleted.has(name),
  }
}
