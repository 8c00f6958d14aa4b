import type { TransactionStore } from '../../../src/transaction/transaction-store.ts'

/** A store's methods by themselves, to be replaced one by one. */
export function boundStore(store: TransactionStore): TransactionStore {
  return {
    create: (head, chunks) => store.create(head, chunks),
    addChunk: (id, index, bytes) => store.addChunk(id, index, bytes),
    put: (head, options) => store.put(head, options),
    get: (id) => store.get(id),
    chunk: (id, index) => store.chunk(id, index),
    list: (filter) => store.list(filter),
    remove: (id) => store.remove(id),
    close: () => store.close(),
  }
}
