import { createWal, fanOut, memoryQueue, permanent, type, type WalError } from '@daybook/core'
import { makeDeadLetter, makeStoredRecord, type VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { QueueDeadLetters } from '../../src/dead-letters/queue-dead-letters.ts'
import { resolveLetterOptions } from '../../src/dead-letters/queue-letters-options.ts'
import {
  type ListingStore,
  type QueueDeadLettersOptions,
  queueDeadLetters,
  storeDeadLetters,
} from '../../src/index.ts'
import { encodeEnvelope } from '../../src/sqs-envelope.ts'
import type { SqsModel } from '../../src/testing/index.ts'
import { fourteenDaysMs, letterQueueOnModel } from '../support/letter-queue.ts'
import { storeIn } from '../support/store-in.ts'

let clock: VirtualClock
let model: SqsModel
let queueUrl: string
let errors: WalError[]
beforeEach(() => {
  ;({ clock, model, queueUrl } = letterQueueOnModel())
  errors = []
})

async function open(namespace: string, options: Partial<QueueDeadLettersOptions> = {}) {
  const onError = (error: WalError): void => void errors.push(error)
  const letters = queueDeadLetters({ client: model, queueUrl, clock, onError, ...options })
  await clock.runUntil(letters.open?.({ namespace }) as Promise<unknown>)
  return letters
}
const visible = async (): Promise<number> => {
  const input = { QueueUrl: queueUrl, AttributeNames: ['All' as const] }
  const { Attributes } = await model.getQueueAttributes(input)
  return Number(Attributes?.['ApproximateNumberOfMessages'])
}
function listingStore(): ListingStore {
  const objects = new Map<string, Uint8Array>()
  return {
    put: async (name, bytes) => void objects.set(name, bytes),
    get: async (name) => objects.get(name),
    delete: async (name) => void objects.delete(name),
    list: async (prefix, after = '') =>
      [...objects.keys()].filter((name) => name.startsWith(prefix) && name > after).sort(),
  }
}
const many = (count: number) => Array.from({ length: count }, () => makeDeadLetter())

describe('letters of another namespace in the same queue', () => {
  test('are passed over, shown to it again at once, counted, and told of once', async () => {
    const [films, books] = [await open('films'), await open('books')]
    const [ours, theirs] = [many(2), many(13)]
    await clock.runUntil(films.put(ours))
    await clock.runUntil(books.put(theirs))
    expect(await clock.runUntil(films.list({}))).toEqual({ letters: ours, next: undefined })
    expect(await visible()).toBe(13)
    expect(errors).toMatchObject([
      { code: 'ERR_CONFIG', message: expect.stringMatching(/namespace 'books'.*13 of them/) },
    ])
    await clock.runUntil(films.list({}))
    expect(errors).toHaveLength(1)
    await clock.runUntil(films.close())
    expect(await clock.runUntil(books.list({}))).toEqual({ letters: theirs, next: undefined })
    expect(errors).toHaveLength(2)
  })

  test('are not there to be read or removed', async () => {
    const [films, books] = [await open('films'), await open('books')]
    const [letter] = many(1)
    if (letter === undefined) throw new Error('no letter')
    await clock.runUntil(books.put([letter]))
    expect(await clock.runUntil(films.get(letter.id))).toBeUndefined()
    expect(await clock.runUntil(films.remove([letter.id]))).toBe(0)
    expect(await clock.runUntil(books.get(letter.id))).toEqual(letter)
  })

  test('are kept where one of the same id is put and removed here', async () => {
    const [films, books] = [await open('films'), await open('books')]
    const letter = makeDeadLetter()
    await clock.runUntil(books.put([letter]))
    await clock.runUntil(films.put([letter]))
    await clock.runUntil(films.list({}))
    expect(await clock.runUntil(films.remove([letter.id]))).toBe(1)
    expect(await clock.runUntil(books.get(letter.id))).toEqual(letter)
  })

  test('are not read from the store of that', async () => {
    queueUrl = model.createQueue('small', {
      retentionMs: fourteenDaysMs,
      maximumMessageSize: 2_000,
    })
    const bodies = new Map<string, Uint8Array>()
    const store = storeIn(bodies)
    const [films, books] = [await open('films'), await open('"books"', { store, prefix: 'l/' })]
    const payload = crypto.getRandomValues(new Uint8Array(3_000))
    const putting = books.put([makeDeadLetter({ record: makeStoredRecord({ payload }) })])
    // Compressing takes a thread's time.
    while (model.size(queueUrl) === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      await clock.advance(0)
    }
    await clock.runUntil(putting)
    expect(await clock.runUntil(films.list({}))).toEqual({ letters: [], next: undefined })
    expect(errors).toMatchObject([{ message: expect.stringContaining(`namespace '"books"'`) }])
  })

  test('are passed over too where SQS moved their records there', async () => {
    const films = await open('films')
    const MessageBody = (namespace: string) =>
      encodeEnvelope(makeStoredRecord({ namespace }), undefined)
    const Entries = ['films', 'books'].map((Id) => ({ Id, MessageBody: MessageBody(Id) }))
    await model.sendMessageBatch({ QueueUrl: queueUrl, Entries })
    const { letters } = await clock.runUntil(films.list({}))
    expect(letters.map(({ record }) => record.namespace)).toEqual(['films'])
  })

  test('are renewed all the same', async () => {
    const [films, books] = [await open('films'), await open('books')]
    await clock.runUntil(books.put(many(3)))
    await clock.runUntil(books.close())
    await clock.advance(2 * fourteenDaysMs)
    expect(model.size(queueUrl)).toBe(3)
    await clock.runUntil(films.close())
  })

  test('are renewed all the same where those of this one are moved into a store', async () => {
    const books = await open('books')
    await clock.runUntil(books.put(many(3)))
    await clock.runUntil(books.close())
    const movesTo = storeDeadLetters({ store: listingStore(), prefix: 'letters/' })
    const settings = resolveLetterOptions({ client: model, queueUrl, clock })
    const films = new QueueDeadLetters({ ...settings, movesTo })
    await clock.runUntil(films.open({ namespace: 'films' }))
    const ours = many(1)
    await clock.runUntil(films.put(ours))
    await clock.advance(1.2 * fourteenDaysMs)
    expect(model.size(queueUrl)).toBe(3)
    expect((await movesTo.list({})).letters).toEqual(ours)
    await clock.runUntil(films.close())
  })

  test('are those of one namespace, and of nobody who does not say which', async () => {
    const films = await open('films')
    await expect(films.open?.({ namespace: 'books' })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringMatching(/'films'.*'books'/),
    })
    await films.open?.({ namespace: 'films' })
    const letters = many(1)
    await clock.runUntil(films.put(letters))
    await clock.runUntil(films.close())
    const anybody = queueDeadLetters({ client: model, queueUrl, clock })
    expect((await clock.runUntil(anybody.list({}))).letters).toEqual(letters)
  })
})

test('two namespaces whose letters lie in one queue redrive their own alone', async () => {
  const answers = { isMended: false }
  const applied: string[] = []
  const namespaceOf = (name: string) =>
    fanOut({
      ...{ payload: type<string>(), queue: memoryQueue() },
      deadLetters: queueDeadLetters({ client: model, queueUrl, clock }),
      targets: {
        store: {
          idempotency: 'version',
          apply: async (records: readonly { readonly payload?: string | undefined }[]) =>
            records.map(({ payload = '' }) => {
              if (!answers.isMended) return permanent('POISON', 'Never.')
              applied.push(`${payload} in ${name}`)
              return { status: 'applied' } as const
            }),
        },
      },
    })
  const wal = await clock.runUntil(
    createWal({ clock, namespaces: { films: namespaceOf('films'), books: namespaceOf('books') } }),
  )
  await wal.start()
  for (const name of ['films', 'books'] as const) {
    await clock.runUntil(wal.write(name, { key: 'a', payload: name }))
  }
  await clock.runUntil(wal.drain())
  expect(model.size(queueUrl)).toBe(2)
  answers.isMended = true
  const report = await clock.runUntil(wal.namespace('films').deadLetters.redrive('all'))
  expect(report.redriven).toHaveLength(1)
  await clock.runUntil(wal.drain())
  expect(applied).toEqual(['films in films'])
  expect(await clock.runUntil(wal.namespace('books').deadLetters.discard('all'))).toBe(1)
  expect(model.size(queueUrl)).toBe(0)
  await clock.runUntil(wal.close())
})
