import { systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test, vi } from 'vitest'
import { boundedStore } from '../src/bounded-store.ts'
import { type PayloadStore, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

/** A model that keeps what the first deletion from one of its queues names: it comes once more. Tells of what it was sent. */
function keepingFirst(clock: VirtualClock, name: string) {
  const model = new SqsModel({ clock })
  const [deletes, sends] = [
    model.deleteMessageBatch.bind(model),
    vi.spyOn(model, 'sendMessageBatch'),
  ]
  let hasKept = false
  model.deleteMessageBatch = async (input) => {
    if (hasKept || !input.QueueUrl.endsWith(name)) return deletes(input)
    hasKept = true
    return { Successful: input.Entries.map(({ Id }) => ({ Id })) }
  }
  const sentTo = (url: string): number =>
    sends.mock.calls
      .filter(([{ QueueUrl }]) => QueueUrl === url)
      .reduce((sum, [{ Entries }]) => sum + Entries.length, 0)
  return { model, sentTo }
}

test.each([
  { kept: 'records', fansOut: false },
  { kept: 'records', fansOut: true },
  { kept: 'first', fansOut: true },
])(
  'a large record that came to its end is none that cannot be read as SQS gives its message once more: %o',
  async ({ kept, fansOut }) => {
    const clock = new VirtualClock()
    const { model, sentTo } = keepingFirst(clock, kept)
    const bodies = new Map<string, Uint8Array>()
    const store: PayloadStore = {
      put: async (name, bytes) => void bodies.set(name, bytes),
      get: async (name) => bodies.get(name),
      delete: async (name) => void bodies.delete(name),
    }
    const [queueUrl, firstUrl] = [model.createQueue('records'), model.createQueue('first')]
    const targets = fansOut ? { targetQueueUrls: { first: firstUrl } } : {}
    const queue = sqsQueue({ client: model, queueUrl, store, ...targets })
    const errors: string[] = []
    await queue.open({
      ...{ namespace: 'large', targets: ['first'], directory: undefined, clock },
      ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
    })
    const large = makeStoredRecord({ key: 'a', payload: new Uint8Array(400_000) })
    await clock.runUntil((await queue.producer()).send([large]))
    const consumer = await queue.consumer('first')
    const { signal } = new AbortController()
    const pulling = { maxRecords: 10, maxBytes: 1e9, signal }
    const first = await clock.runUntil(consumer.pull(pulling))
    await clock.runUntil(consumer.ack(first))
    const pulled = consumer.pull(pulling)
    await clock.advance(60_000)
    const small = makeStoredRecord({ key: 'b', writtenAt: clock.now() })
    await clock.runUntil((await queue.producer()).send([small]))
    const next = await clock.runUntil(pulled)
    const ids = [...first, ...next].map(({ record: { id } }) => id)
    expect(ids).toEqual([large.id, small.id])
    // The small one alone: it is not acked.
    expect(model.size(queueUrl) + model.size(firstUrl)).toBe(1)
    expect(sentTo(firstUrl)).toBe(fansOut ? 2 : 0)
    await clock.runUntil(queue.close())
    expect([errors, bodies.size]).toEqual([[], 0])
  },
)

test('of what a store was told to delete the last 10,000 names are remembered', async () => {
  const nothing = async () => undefined
  const store = boundedStore(
    { put: nothing, get: nothing, delete: nothing },
    new VirtualClock(),
    1_000,
  )
  for (let at = 0; at <= 10_000; at++) await store.delete(`${at}`)
  const known = ['0', '1', '10000', 'other'].map((name) => store.wasDeleted?.(name))
  expect(known).toEqual([false, true, true, false])
})
