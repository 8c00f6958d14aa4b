import { WalError } from '../../src/index.ts'
import type { TransactionStoreSubject } from '../../src/testing/index.ts'
import {
  memoryTransactionStore,
  type TransactionShelf,
} from '../../src/transaction/memory-transactions.ts'
import type {
  TransactionFilter,
  TransactionHead,
  TransactionStore,
} from '../../src/transaction/transaction-store.ts'
import { boundStore } from '../transaction/support/bound-store.ts'

/** A store of transactions broken on purpose, and the cases that have to notice. */
export interface BrokenTransactionStore {
  readonly flaw: string
  readonly create: () => TransactionStoreSubject
  readonly turnsRed: readonly string[]
}

const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

export const brokenTransactionStores: readonly BrokenTransactionStore[] = [
  {
    flaw: 'keeps versions as numbers',
    create: over((store) => ({
      get: async (id) => rounded(await store.get(id)),
      list: async (filter) => (await store.list(filter)).map((head) => rounded(head) ?? head),
    })),
    turnsRed: ['gives a head exactly as it was put', 'lists by state'],
  },
  {
    flaw: 'makes up heads',
    create: over((store) => ({
      get: async (id) => (await store.get(id)) ?? (await store.list(anyOpen))[0],
    })),
    turnsRed: ['knows nothing of an id that it was not given'],
  },
  {
    flaw: 'creates over what there is',
    create: over((store) => ({
      async create(head, chunks) {
        await store.remove(head.id)
        return store.create(head, chunks)
      },
    })),
    turnsRed: ['creates an id once', 'changes nothing of the chunks where it does not create'],
  },
  {
    flaw: 'forgets every change of a head',
    create: over(() => ({ put: async () => true })),
    turnsRed: [
      'puts the head that follows the one it has',
      'takes no chunk once a transaction is not open',
    ],
  },
  {
    flaw: 'puts whatever it is given',
    create: over((_, shelf) => ({
      async put(head) {
        const chunks = shelf.get(head.id)?.chunks ?? new Map()
        shelf.set(head.id, { head, chunks })
        return true
      },
    })),
    turnsRed: [
      'refuses a head that does not follow the one it has',
      'puts no head of a transaction it does not have',
      'lets one of several puts at the same time succeed',
    ],
  },
  {
    flaw: 'has a head that may wait nowhere',
    create: over((store) => ({
      put: async (head, options) => (options?.mayWait ? true : store.put(head, options)),
    })),
    turnsRed: ['gives a head that may wait, and puts no other in its place'],
  },
  {
    flaw: 'looks first and puts later',
    create: over((store, shelf) => ({
      async put(head) {
        const stored = await store.get(head.id)
        await wait()
        if (stored?.revision !== head.revision - 1) return false
        shelf.set(head.id, { head, chunks: shelf.get(head.id)?.chunks ?? new Map() })
        return true
      },
      async create(head, chunks) {
        if ((await store.get(head.id)) !== undefined) return false
        await wait()
        await store.remove(head.id)
        return store.create(head, chunks)
      },
    })),
    turnsRed: [
      'lets one of several puts at the same time succeed',
      'lets one of several creations at the same time succeed',
    ],
  },
  {
    flaw: 'lists whatever their state',
    create: over((_, shelf) => ({
      list: async () => [...shelf.values()].map(({ head }) => head),
    })),
    turnsRed: [
      'lists by state',
      'lists those that changed before an instant',
      'lists in pages, in the order of ids',
    ],
  },
  {
    flaw: 'takes an instant for included',
    create: over((store) => ({
      list: (filter) => store.list({ ...filter, changedBefore: filter.changedBefore + 1 }),
    })),
    turnsRed: ['lists those that changed before an instant'],
  },
  {
    flaw: 'lists in the order of creation',
    create: over((_, shelf) => ({
      list: async ({ after, limit }) => {
        const heads = [...shelf.values()].map(({ head }) => head)
        const from = heads.findIndex(({ id }) => id === after) + 1
        return heads.slice(from, from + limit)
      },
    })),
    turnsRed: ['lists in pages, in the order of ids'],
  },
  {
    flaw: 'lists none where one cannot be read',
    create: withUnreadable((heads, bad) => {
      if (heads.some(({ id }) => id === bad)) throw new Error('cannot be read')
      return heads
    }),
    turnsRed: ['lists the others where a head cannot be read, and tells of it'],
  },
  {
    flaw: 'passes over what cannot be read in silence',
    create: withUnreadable((heads, bad) => heads.filter(({ id }) => id !== bad)),
    turnsRed: ['lists the others where a head cannot be read, and tells of it'],
  },
  {
    flaw: 'removes what cannot be read',
    create: withUnreadable((heads, bad, { report, shelf }) => {
      if (bad === undefined) return heads
      report(bad)
      shelf.delete(bad)
      return heads.filter(({ id }) => id !== bad)
    }),
    turnsRed: ['lists the others where a head cannot be read, and tells of it'],
  },
  {
    flaw: 'keeps the chunks it is given, and no copy',
    create: over((store, shelf) => ({
      async addChunk(id, index, bytes) {
        await store.addChunk(id, index, bytes)
        shelf.get(id)?.chunks.set(index, bytes)
      },
      chunk: async (id, index) => shelf.get(id)?.chunks.get(index),
    })),
    turnsRed: ['gives chunks exactly as they were stored'],
  },
  {
    flaw: 'leaves out the chunks of a new transaction',
    create: over((store) => ({ create: (head) => store.create(head, []) })),
    turnsRed: [
      'stores the chunks of a new transaction with it',
      'keeps chunks until the transaction has ended',
    ],
  },
  {
    flaw: 'answers an empty chunk for none',
    create: over((store) => ({
      chunk: async (id, index) => (await store.chunk(id, index)) ?? new Uint8Array(0),
    })),
    turnsRed: ['has no chunk that was not stored'],
  },
  {
    flaw: 'keeps the chunks of all in one place',
    create: over((_, shelf) => ({
      async chunk(_id, index) {
        for (const { chunks } of [...shelf.values()].reverse()) {
          const bytes = chunks.get(index)
          if (bytes !== undefined) return bytes
        }
        return undefined
      },
    })),
    turnsRed: ['keeps the chunks of transactions apart', 'removes a transaction whole'],
  },
  {
    flaw: 'adds the same chunk to what there is',
    create: over((store) => ({
      async addChunk(id, index, bytes) {
        const before = (await store.chunk(id, index)) ?? new Uint8Array(0)
        await store.addChunk(id, index, Buffer.concat([before, bytes]))
      },
    })),
    turnsRed: ['takes the same chunk twice'],
  },
  {
    flaw: 'takes chunks at any time',
    create: over((_, shelf) => ({
      async addChunk(id, index, bytes) {
        shelf.get(id)?.chunks.set(index, bytes)
      },
    })),
    turnsRed: ['takes no chunk once a transaction is not open'],
  },
  {
    flaw: 'lets chunks go with the seal',
    create: over((store, shelf) => ({
      async put(head) {
        const isPut = await store.put(head)
        shelf.get(head.id)?.chunks.clear()
        return isPut
      },
    })),
    turnsRed: ['keeps chunks until the transaction has ended'],
  },
  {
    flaw: 'removes the head alone',
    create: over((store, shelf) => {
      const left = new Map<string, Map<number, Uint8Array>>()
      return {
        async remove(id) {
          const chunks = shelf.get(id)?.chunks
          if (chunks !== undefined) left.set(id, new Map(chunks))
          await store.remove(id)
        },
        chunk: async (id, index) => (await store.chunk(id, index)) ?? left.get(id)?.get(index),
      }
    }),
    turnsRed: [
      'removes a transaction whole',
      'can be given an id again that was removed, without its old chunks',
    ],
  },
  {
    flaw: 'refuses to remove what is not there',
    create: over((store) => ({
      async remove(id) {
        if ((await store.get(id)) === undefined) throw new Error('no such transaction')
        await store.remove(id)
      },
    })),
    turnsRed: ['passes over the removal of what it does not have'],
  },
  {
    flaw: 'forgets changes of heads with the process',
    create: () => {
      const shelf: TransactionShelf = new Map()
      const first = new Map<string, TransactionHead>()
      return {
        open() {
          for (const [id, { chunks }] of shelf) {
            const head = first.get(id)
            if (head !== undefined) shelf.set(id, { head, chunks })
          }
          const store = memoryTransactionStore(shelf)
          return {
            ...boundStore(store),
            create(head, chunks) {
              first.set(head.id, head)
              return store.create(head, chunks)
            },
          }
        },
      }
    },
    turnsRed: ['has everything after a reopening'],
  },
  {
    flaw: 'has room for one call at a time',
    create: over((store) => {
      let room: Uint8Array = new Uint8Array(0)
      return {
        async addChunk(id, index, bytes) {
          room = bytes
          await wait()
          await store.addChunk(id, index, room)
        },
      }
    }),
    turnsRed: ['keeps many that come at the same time'],
  },
  {
    flaw: 'goes on after it was closed',
    create: over((_, shelf) => ({
      create: async () => true,
      get: async (id) => shelf.get(id)?.head,
    })),
    turnsRed: ['closes twice, and refuses what comes later'],
  },
]

/** The same wrapping without a flaw. */
export const wholeTransactionStore = over(() => ({}))

/** One that passes over what cannot be read, as it should. */
export const unreadableTransactionStore = withUnreadable((heads, bad, { report }) => {
  if (heads.some(({ id }) => id === bad)) report(bad as string)
  return heads.filter(({ id }) => id !== bad)
})

const anyOpen = { state: 'open', changedBefore: Number.POSITIVE_INFINITY, limit: 1 } as const

function over(
  flaw: (store: TransactionStore, shelf: TransactionShelf) => Partial<TransactionStore>,
): () => TransactionStoreSubject {
  return () => {
    const shelf: TransactionShelf = new Map()
    return {
      open() {
        const store = memoryTransactionStore(shelf)
        return { ...boundStore(store), ...flaw(store, shelf) }
      },
    }
  }
}

/** Whose heads can be spoilt: what a list makes of those that match, one of which cannot be read. */
function withUnreadable(
  list: (
    heads: readonly TransactionHead[],
    bad: string | undefined,
    world: { readonly shelf: TransactionShelf; report(id: string): void },
  ) => readonly TransactionHead[],
): () => TransactionStoreSubject {
  return () => {
    const shelf: TransactionShelf = new Map()
    const reported: WalError[] = []
    let bad: string | undefined
    const report = (id: string) => void reported.push(new WalError('ERR_IO', `Head ${id} is bad`))
    return {
      open() {
        const store = memoryTransactionStore(shelf)
        const listed = async (filter: TransactionFilter) =>
          list(await store.list(filter), bad, { shelf, report })
        return { ...boundStore(store), list: listed }
      },
      unreadable: {
        reported,
        spoil: (id) => {
          bad = id
        },
        mend: () => {
          bad = undefined
        },
      },
    }
  }
}

function rounded(head: TransactionHead | undefined): TransactionHead | undefined {
  if (head?.version === undefined) return head
  return { ...head, version: BigInt(Math.fround(Number(head.version))) + 1n }
}
