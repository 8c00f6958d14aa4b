import type { DeadLetterQueue, StoredDeadLetter } from '../../src/dlq/dlq.ts'
import { memoryDeadLetterQueue, newLetterStore } from '../../src/dlq/memory-dlq.ts'
import type { DeadLetterQueueSubject } from '../../src/testing/index.ts'

/** A dead-letter queue broken on purpose, and the cases that have to notice. */
export interface BrokenDeadLetterQueue {
  readonly flaw: string
  readonly create: () => DeadLetterQueueSubject
  readonly turnsRed: readonly string[]
}

export const brokenDeadLetterQueues: readonly BrokenDeadLetterQueue[] = [
  {
    flaw: 'keeps a letter put again beside the older one',
    create: over((queue) => {
      let puts = 0
      return {
        put: (letters) =>
          queue.put(letters.map((letter) => ({ ...letter, id: `${letter.id}#${puts++}` }))),
        get: async (id) => (await all(queue)).find((letter) => letter.id.startsWith(`${id}#`)),
      }
    }),
    turnsRed: [
      'replaces a letter that is put again',
      'replaces a letter that is put twice at once',
    ],
  },
  {
    flaw: 'ignores a letter that it has already',
    create: over((queue) => ({
      async put(letters) {
        for (const letter of letters) if (!(await queue.get(letter.id))) await queue.put([letter])
      },
    })),
    turnsRed: ['replaces a letter that is put again'],
  },
  {
    flaw: 'pages by offset',
    create: over((queue) => ({
      async list({ limit = 100, after = '0', ...filter }) {
        const start = Number(after)
        const letters = (await all(queue, filter)).slice(start, start + limit)
        return { letters, next: letters.length < limit ? undefined : String(start + limit) }
      },
    })),
    turnsRed: [
      'goes on with the next page while letters are removed',
      'goes on with the next page after the whole last one was removed',
    ],
  },
  {
    flaw: 'takes any page for one that it gave',
    create: over((queue) => ({
      list: ({ limit = 100, after, ...filter }) =>
        queue.list({
          ...filter,
          limit: Math.min(1_000, Math.max(1, Math.trunc(limit) || 1)),
          after: Number(after) >= 0 ? after : undefined,
        }),
    })),
    turnsRed: ['refuses a page that cannot be meant'],
  },
  {
    flaw: 'lists by time',
    create: over((queue) => ({
      async list(options) {
        const page = await queue.list(options)
        return { ...page, letters: [...page.letters].sort((a, b) => a.at - b.at) }
      },
    })),
    turnsRed: ['lists letters in the order in which they were put'],
  },
  {
    flaw: 'takes no notice of the limit',
    create: over((queue) => ({ list: (options) => queue.list({ ...options, limit: 1_000 }) })),
    turnsRed: ['gives at most limit letters, 100 unless told'],
  },
  {
    flaw: 'never ends its pages',
    create: over((queue) => ({
      async list(options) {
        const page = await queue.list(options)
        return { ...page, next: page.next ?? options.after ?? '0' }
      },
    })),
    turnsRed: [
      'is empty at first',
      'ends the pages with no next',
      'gives every letter once, page by page',
    ],
  },
  {
    flaw: 'filters a page after it was cut',
    create: over((queue) => ({
      async list({ target, ...options }) {
        const page = await queue.list({ limit: options.limit, after: options.after })
        const letters = page.letters.filter((letter) => !target || letter.target === target)
        return { letters, next: page.next }
      },
    })),
    turnsRed: ['filters by target, key, code and time, alone and together'],
  },
  {
    flaw: 'answers remove with how many it was asked for',
    create: over((queue) => ({
      async remove(ids) {
        await queue.remove(ids)
        return ids.length
      },
    })),
    turnsRed: [
      'answers how many letters it removed',
      'counts once a letter removed by two calls at once',
    ],
  },
  {
    flaw: 'removes nothing, and says it did',
    create: over(() => ({ remove: async (ids) => ids.length })),
    turnsRed: ['removes the letters named, and no other'],
  },
  {
    flaw: 'removes every letter of the record',
    create: over((queue) => ({
      async remove(ids) {
        const letters = await all(queue)
        const records = letters.filter(({ id }) => ids.includes(id)).map(({ target }) => target)
        return queue.remove(
          letters.filter(({ target }) => records.includes(target)).map(({ id }) => id),
        )
      },
    })),
    turnsRed: ['removes the letters named, and no other'],
  },
  {
    flaw: 'takes no notice of what is void',
    create: over(() => ({ removeIfSeen: async () => {} })),
    turnsRed: ['lets go of what is void, and of no other, where it offers to'],
  },
  {
    flaw: 'swallows puts after close',
    create: over((queue) => ({ put: (letters) => queue.put(letters).catch(() => {}) })),
    turnsRed: ['refuses to put after close'],
  },
  {
    flaw: 'carries versions as numbers and payloads as text',
    create: over((queue) => ({ put: (letters) => queue.put(letters.map(careless)) })),
    turnsRed: [
      'keeps every field of a letter',
      'keeps payloads to the byte, and no payload apart from an empty one',
    ],
  },
  {
    flaw: 'keeps the first attempt only',
    create: over((queue) => ({
      put: (letters) =>
        queue.put(letters.map((letter) => ({ ...letter, attempts: letter.attempts.slice(0, 1) }))),
    })),
    turnsRed: ['keeps every field of a letter'],
  },
  {
    flaw: 'summarises the first page',
    create: over((queue) => ({
      async *summaries() {
        let left = 100
        for await (const summary of queue.summaries()) if (left-- > 0) yield summary
      },
    })),
    turnsRed: ['summarises every letter'],
  },
  {
    flaw: 'counts letters that are gone',
    create: over((queue) => {
      const counts = new Map<string, number>()
      return {
        async put(letters) {
          await queue.put(letters)
          for (const { target } of letters) counts.set(target, (counts.get(target) ?? 0) + 1)
        },
        count: async () => counts,
      }
    }),
    turnsRed: ['counts letters per target', 'replaces a letter that is put again'],
  },
  {
    flaw: 'forgets everything at close',
    create: () => ({ open: () => memoryDeadLetterQueue() }),
    turnsRed: [
      'keeps what was being put when it was closed, or refuses it',
      'keeps letters, replacements and removals over a reopening',
    ],
  },
  {
    flaw: 'forgets removals at close',
    create: () => {
      const store = newLetterStore()
      return {
        open: () => {
          const queue = memoryDeadLetterQueue(store)
          const gone = new Set<string>()
          const isLeft = ({ id }: StoredDeadLetter): boolean => !gone.has(id)
          return {
            ...bound(queue),
            list: async (options) => {
              const page = await queue.list(options)
              return { ...page, letters: page.letters.filter(isLeft) }
            },
            remove: async (ids) => {
              for (const id of ids) gone.add(id)
              return ids.length
            },
          }
        },
      }
    },
    turnsRed: [
      'takes a letter again that was removed',
      'keeps letters, replacements and removals over a reopening',
    ],
  },
  {
    flaw: 'keeps the bytes of the caller',
    create: over((queue) => {
      const put = new Map<string, StoredDeadLetter>()
      return {
        async put(letters) {
          await queue.put(letters)
          for (const letter of letters) put.set(letter.id, letter)
        },
        get: async (id) => ((await queue.get(id)) ? put.get(id) : undefined),
      }
    }),
    turnsRed: ['keeps its own copy of the bytes once put has resolved'],
  },
  {
    flaw: 'answers any letter for one it does not have',
    create: over((queue) => ({
      get: async (id) => (await queue.get(id)) ?? (await all(queue))[0],
    })),
    turnsRed: ['answers undefined for a letter it does not have'],
  },
  {
    flaw: 'hangs in reads after close',
    create: over((queue) => ({
      list: (options) => queue.list(options).catch(() => new Promise(() => {})),
    })),
    turnsRed: ['does not hang in reads and removes after close'],
  },
  {
    flaw: 'throws when closed twice',
    create: over((queue) => {
      let closed = false
      return {
        async close() {
          if (closed) throw new Error('closed')
          closed = true
          await queue.close()
        },
      }
    }),
    turnsRed: ['closes a second time without harm'],
  },
  {
    flaw: 'names letters by their record alone',
    create: over((queue) => ({
      put: (letters) => queue.put(letters.map((letter) => ({ ...letter, id: letter.record.id }))),
    })),
    turnsRed: ['keeps letters of one record at several targets apart'],
  },
  {
    flaw: 'loses one of two puts at once',
    create: over((queue) => {
      let busy = false
      return {
        async put(letters) {
          if (busy) return
          busy = true
          await queue.put(letters)
          busy = false
        },
      }
    }),
    turnsRed: ['keeps every letter of concurrent puts'],
  },
  {
    flaw: 'counts although it declares that it cannot',
    create: over(() => ({ supports: { listing: true, counts: false } })),
    turnsRed: ['counts letters per target', 'is empty at first'],
  },
  {
    flaw: 'throws at a put of nothing',
    create: over((queue) => ({
      async put(letters) {
        if (letters.length === 0) throw new TypeError('no letters')
        await queue.put(letters)
      },
    })),
    turnsRed: ['takes a put of nothing without harm'],
  },
  {
    flaw: 'lists the newest first, by offset',
    create: over((queue) => ({
      async list({ limit = 100, after = '0', ...filter }) {
        const start = Number(after)
        const letters = [...(await all(queue, filter))].reverse().slice(start, start + limit)
        return { letters, next: letters.length < limit ? undefined : String(start + limit) }
      },
    })),
    turnsRed: [
      'lists letters in the order in which they were put',
      'goes on with the next page while letters are put',
    ],
  },
]

/** The queue that is broken in the others, whole: wrapped in the same way, it must stay green. */
export const wholeDeadLetterQueue = over(() => ({}))

function over(
  breakage: (queue: DeadLetterQueue) => Partial<DeadLetterQueue>,
): () => DeadLetterQueueSubject {
  return () => {
    const store = newLetterStore()
    return {
      open: () => {
        const queue = memoryDeadLetterQueue(store)
        return { ...bound(queue), ...breakage(queue) }
      },
    }
  }
}

function bound(queue: DeadLetterQueue): DeadLetterQueue {
  return {
    put: (letters) => queue.put(letters),
    list: (options) => queue.list(options),
    get: (id) => queue.get(id),
    remove: (ids) => queue.remove(ids),
    summaries: () => queue.summaries(),
    count: () => queue.count(),
    close: () => queue.close(),
  }
}

async function all(
  queue: DeadLetterQueue,
  filter: Parameters<DeadLetterQueue['list']>[0] = {},
): Promise<readonly StoredDeadLetter[]> {
  return (await queue.list({ ...filter, limit: 1_000 })).letters
}

function careless(letter: StoredDeadLetter): StoredDeadLetter {
  const { version, payload } = letter.record
  const text = payload && new TextDecoder().decode(payload)
  const record = {
    ...letter.record,
    version: BigInt(Number(version)),
    payload: text === undefined ? undefined : new TextEncoder().encode(text),
  }
  return { ...letter, record }
}
