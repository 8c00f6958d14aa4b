import { createWal, fanOut, permanent, type } from '@daybook/core'
import { recordingTarget, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type ListingStore, sqsQueue } from '../../src/index.ts'
import { SqsModel } from '../../src/testing/index.ts'

let clock: VirtualClock
let model: SqsModel
let queueUrl: string
let deadLetterStore: ListingStore
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  queueUrl = model.createQueue('records.fifo')
  const bytesOf = new Map<string, Uint8Array>()
  deadLetterStore = {
    put: async (name, bytes) => void bytesOf.set(name, bytes),
    get: async (name) => bytesOf.get(name),
    delete: async (name) => void bytesOf.delete(name),
    list: async (prefix, after = '') =>
      [...bytesOf.keys()].filter((name) => name.startsWith(prefix) && name > after).sort(),
  }
})

/** One of several processes that read the queue. */
async function open() {
  const target = recordingTarget<string>({
    idempotency: 'id',
    answer: ({ payload }) =>
      payload === 'poison' ? permanent('POISON', 'Never.') : { status: 'applied' },
  })
  const queue = sqsQueue({ client: model, queueUrl, deadLetterStore, waitMs: 1_000 })
  const wal = await clock.runUntil(
    createWal({
      clock,
      namespaces: {
        films: fanOut({
          ...{ payload: type<string>(), queue, targets: { target } },
          onDeadLetter: 'block',
        }),
      },
    }),
  )
  await clock.runUntil(wal.start())
  const payloads = () => target.applied.map(({ payload }) => payload)
  const write = (payload: string, key = 'a') => clock.runUntil(wal.write('films', { key, payload }))
  return { wal, payloads, write, letters: wal.namespace('films').deadLetters }
}

describe('a key that waits for its dead letter', () => {
  test('waits in the other processes that read its queue as well, until one of them discards the letter', async () => {
    const [first, second] = [await open(), await open()]
    await first.write('poison')
    await clock.advance(40_000)
    const { letters } = await clock.runUntil(second.letters.list())
    expect(letters).toHaveLength(1)
    // Whichever of the two receives it.
    await first.write('waits')
    await second.write('goes', 'b')
    await clock.advance(60_000)
    expect([...first.payloads(), ...second.payloads()]).toEqual(['goes'])
    expect(await clock.runUntil(second.letters.discard('all'))).toBe(1)
    await clock.advance(60_000)
    expect([...first.payloads(), ...second.payloads()].toSorted()).toEqual(['goes', 'waits'])
    for (const { wal } of [first, second]) {
      const { delivery } = (await clock.runUntil(wal.status())).namespaces.films.targets.target
      expect(delivery?.blockedKeys).toBe(0)
      await clock.runUntil(wal.close())
    }
  })

  test.each(['redrive', 'discard'] as const)(
    'does not wait for other records after a restart, but for a %s',
    async (way) => {
      const first = await open()
      await first.write('poison')
      await clock.advance(5_000)
      await first.write('waits')
      await clock.advance(5_000)
      await clock.runUntil(first.wal.close())
      const second = await open()
      await clock.advance(60_000)
      expect(second.payloads()).toEqual([])
      await clock.runUntil<unknown>(second.letters[way]('all'))
      await clock.advance(60_000)
      if (way === 'discard') expect(second.payloads()).toEqual(['waits'])
      else
        expect((await clock.runUntil(second.letters.list())).letters[0]?.record).toMatchObject({
          attemptEpoch: 1,
        })
      await clock.runUntil(second.wal.close())
    },
  )
})
