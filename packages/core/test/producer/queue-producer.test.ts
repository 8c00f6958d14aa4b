import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { mostWaiting } from '../../src/producer/admission.ts'
import type { Producer, SendOutcome } from '../../src/producer/producer.ts'
import {
  type Patience,
  QueueProducer,
  type QueueProducerOptions,
} from '../../src/producer/queue-producer.ts'
import { WriteBudget } from '../../src/producer/write-budget.ts'
import { recordBytes, type StoredRecord } from '../../src/record.ts'
import { makeStoredRecord } from '../../src/testing/make-record.ts'

/** Room for little in flight, and for much that waits. */
const longLine = (): Partial<QueueProducerOptions> => ({
  budgets: [new WriteBudget('own', 10_000), new WriteBudget('shard', 1000)],
})

/** A producer whose answers the test gives by hand. */
class HandProducer implements Producer {
  readonly sent: StoredRecord[] = []
  readonly #answers: ((outcomes: readonly SendOutcome[]) => void)[] = []

  send(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    this.sent.push(...records)
    return new Promise((resolve) => this.#answers.push(resolve))
  }

  answer(durable: 'yes' | 'no' | 'unknown' = 'yes'): void {
    this.#answers.shift()?.([{ durable }])
  }

  async close(): Promise<void> {}
}

function producerOf(options: Partial<QueueProducerOptions> = {}) {
  const hand = new HandProducer()
  const own = new WriteBudget('own', 1000)
  const producer = new QueueProducer({
    namespace: 'n',
    producer: hand,
    clock: systemClock,
    budgets: [own, new WriteBudget('shard', 10_000)],
    overload: 'wait',
    timeoutMs: 10_000,
    largestBatchRecords: 100,
    largestBatchBytes: Number.POSITIVE_INFINITY,
    onOverload: () => {},
    ...options,
  })
  const send = (records: readonly StoredRecord[], patience: Patience) =>
    producer.send(records, patience, (outcomes) => outcomes)
  return { hand, producer, own, send }
}

const record = (bytes: number) => makeStoredRecord({ payload: new Uint8Array(bytes) })

describe('QueueProducer', () => {
  it('answers unknown when the queue gives no answer in time', async () => {
    const { send } = producerOf({ timeoutMs: 5 })
    const [outcome] = await send([record(1)], {})
    expect(outcome).toMatchObject({ durable: 'unknown', error: { code: 'ERR_WRITE_TIMEOUT' } })
  })

  it("answers unknown when a write's own time-out or signal ends the wait", async () => {
    const { send } = producerOf()
    const gone = new AbortController()
    const aborted = send([record(1)], { signal: gone.signal })
    gone.abort()
    expect((await aborted)[0]).toMatchObject({ durable: 'unknown', error: { code: 'ERR_ABORTED' } })
    expect((await send([record(1)], { timeoutMs: 1 }))[0]?.durable).toBe('unknown')
  })

  it('keeps bytes counted after a time-out until the queue has let go of them', async () => {
    const { producer, hand, own, send } = producerOf({ timeoutMs: 1 })
    await send([record(100)], {})
    expect(own.usedBytes).toBe(recordBytes(record(100)))
    hand.answer()
    await producer.close()
    expect(own.usedBytes).toBe(0)
  })

  it('counts headers among the bytes in flight', async () => {
    const { producer, hand, own, send } = producerOf()
    const bare = record(1)
    void send([bare], {})
    const plainBytes = own.usedBytes
    hand.answer()
    await producer.idle(1000)
    expect(own.usedBytes).toBe(0)
    const { send: again, own: ownAgain } = producerOf()
    void again([{ ...bare, headers: { trace: 'é'.repeat(100) } }], {})
    expect(ownAgain.usedBytes).toBe(plainBytes + 'trace'.length + 200)
  })

  it('lets as many bytes wait as may be in flight, and sheds what comes after these', async () => {
    const overloads: boolean[] = []
    const { producer, hand, send } = producerOf({ onOverload: (waits) => overloads.push(waits) })
    const flying = send([record(700)], {})
    const waiting = [send([record(300)], {}), send([record(200)], {})]
    const shed = await send([record(200)], {})
    expect(shed[0]).toMatchObject({ durable: 'no', error: { code: 'ERR_OVERLOADED' } })
    expect(shed[0]?.error?.message).toMatch(/^No room .* 2 writes with 980 bytes wait already/)
    expect(overloads).toEqual([true, true, false])
    expect(producer.waiting).toBe(2)
    for (let turn = 0; turn < 3; turn++) {
      hand.answer()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await Promise.all([flying, ...waiting])
    const after = send([record(1)], {})
    hand.answer()
    expect((await after)[0]?.durable).toBe('yes')
  })

  it('lets one that is larger than all that may wait do so while nobody else does', async () => {
    const { producer, hand, send } = producerOf({ largestBatchRecords: 1 })
    void send([record(700)], {})
    const many = send([record(700), record(700), record(700)], {})
    expect(producer.waiting).toBe(3)
    expect((await send([record(1)], {}))[0]?.durable).toBe('no')
    for (let turn = 0; turn < 4; turn++) {
      hand.answer()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect((await many).map(({ durable }) => durable)).toEqual(['yes', 'yes', 'yes'])
  })

  it('lets no more than so many writes wait, however small', async () => {
    const own = new WriteBudget('own', 1e9)
    const { producer, send } = producerOf({ budgets: [own, new WriteBudget('shard', 1000)] })
    void send([record(700)], {})
    const gone = new AbortController()
    const small = record(1)
    const waiting = Array.from({ length: mostWaiting }, () =>
      send([small], { signal: gone.signal }),
    )
    expect((await send([small], {}))[0]).toMatchObject({ error: { code: 'ERR_OVERLOADED' } })
    expect(producer.waiting).toBe(mostWaiting)
    gone.abort()
    await Promise.all(waiting)
    expect(producer.waiting).toBe(0)
  })

  it('answers no when there is no room in time, and sends nothing', async () => {
    const { hand, send } = producerOf()
    void send([record(900)], {})
    const [outcome] = await send([record(900)], { timeoutMs: 5 })
    expect(outcome).toMatchObject({ durable: 'no', error: { code: 'ERR_OVERLOADED' } })
    expect(hand.sent).toHaveLength(1)
  })

  it('lets nobody in between one that finds room and its being sent', async () => {
    const { hand, send } = producerOf()
    const records = [record(700), record(300), record(1)] as const
    const first = send([records[0]], {})
    const second = send([records[1]], {})
    const third: Promise<unknown>[] = []
    for (let hops = 0; hops < 12; hops++) {
      let hop: Promise<unknown> = first
      for (let n = 0; n < hops; n++) hop = hop.then(() => {})
      third.push(hop.then(() => send([records[2]], {})))
    }
    hand.answer()
    await first
    await new Promise((resolve) => setTimeout(resolve, 1))
    for (let n = 0; n < 13; n++) {
      hand.answer()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await Promise.all([second, ...third])
    expect(hand.sent.slice(0, 2)).toEqual([records[0], records[1]])
  })

  it('says which records of a large batch were shed, once a part of it is sent', async () => {
    const { hand, send } = producerOf({ overload: 'shed', largestBatchRecords: 1 })
    const sent = send([record(500), record(500), record(1)], {})
    hand.answer()
    hand.answer()
    expect((await sent).map(({ durable }) => durable)).toEqual(['yes', 'no', 'yes'])
  })

  it("heeds a write's own time-out in the middle of the line", async () => {
    const { producer, hand, send } = producerOf(longLine())
    void send([record(900)], {})
    const patient = send([record(800)], {})
    const hasty = send([record(700)], { timeoutMs: 5 })
    const behind = send([record(600)], {})
    expect((await hasty)[0]).toMatchObject({ durable: 'no', error: { code: 'ERR_OVERLOADED' } })
    expect(producer.waiting).toBe(2)
    for (const one of [undefined, patient, behind]) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      hand.answer()
      await one
    }
    expect(hand.sent.map(({ payload }) => payload?.byteLength)).toEqual([900, 800, 600])
  })

  it('answers no at once where writes are shed', async () => {
    const { hand, send } = producerOf({ overload: 'shed' })
    void send([record(900)], {})
    expect((await send([record(900)], {}))[0]).toMatchObject({
      durable: 'no',
      error: { code: 'ERR_OVERLOADED', retryAfterMs: 100 },
    })
    expect(hand.sent).toHaveLength(1)
  })

  it('sends those that waited for room in the order in which they came', async () => {
    const { hand, send } = producerOf(longLine())
    const records = [record(800), record(700), record(10), record(600), record(1)]
    const sent = records.map((one) => send([one], {}))
    for (const one of sent) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      hand.answer()
      hand.answer()
      await one
    }
    expect(hand.sent).toEqual(records)
  })

  it('cuts a large batch to what the producer takes at once', async () => {
    const sizes: number[] = []
    const producer: Producer = {
      send: async (records) => {
        sizes.push(records.length)
        return records.map(() => ({ durable: 'yes' }))
      },
      close: async () => {},
    }
    const narrow = producerOf({ producer, largestBatchRecords: 2 }).send
    const outcomes = await narrow([record(1), record(1), record(1), record(1), record(1)], {})
    expect(outcomes).toHaveLength(5)
    expect(sizes).toEqual([2, 2, 1])
    const largestBatchBytes = 3 * recordBytes(record(1)) + 10
    await producerOf({ producer, largestBatchBytes }).send(
      [record(1), record(1), record(1), record(1), record(900), record(1)],
      {},
    )
    expect(sizes.slice(3)).toEqual([3, 1, 1, 1])
  })

  it.each<[string, Producer['send']]>([
    ['rejects', () => Promise.reject(new Error('boom'))],
    [
      'throws',
      () => {
        throw new Error('boom')
      },
    ],
  ])('answers unknown, not yes, if a producer breaks its contract and %s', async (_, broken) => {
    const { producer, send } = producerOf({ producer: { send: broken, close: async () => {} } })
    const [outcome] = await send([record(1)], {})
    expect(outcome).toMatchObject({ durable: 'unknown', error: { code: 'ERR_IO' } })
    await producer.close()
  })

  it('answers all that wait for one promise, each by its own wish', async () => {
    const { promise, resolve } = Promise.withResolvers<readonly SendOutcome[]>()
    const sharing: Producer = { send: () => promise, close: async () => {} }
    const { producer, own } = producerOf({ producer: sharing })
    const all = [record(1), record(2), record(3)]
    const gone = new AbortController()
    const sent = all.map((one, at) => {
      const patience = at === 1 ? { signal: gone.signal } : {}
      return producer.send([one], patience, ([outcome], [sent]) => {
        if (at === 2) throw new Error('not wanted')
        return [outcome?.durable, sent === one]
      })
    })
    gone.abort()
    const answers = Promise.allSettled(sent)
    resolve([{ durable: 'yes' }])
    expect(await answers).toMatchObject([
      { value: ['yes', true] },
      { value: ['unknown', true] },
      { reason: { message: 'not wanted' } },
    ])
    expect([producer.inFlightRecords, own.usedBytes]).toEqual([0, 0])
    expect(await producer.send([record(4)], {}, ([outcome]) => outcome?.durable)).toBe('yes')
  })

  it('takes nothing more once closed, and closes when all is answered', async () => {
    const { producer, hand, send } = producerOf()
    const last = send([record(1)], {})
    const closed = producer.close()
    expect((await send([record(1)], {}))[0]).toMatchObject({
      durable: 'no',
      error: { code: 'ERR_CLOSED' },
    })
    hand.answer()
    await closed
    expect((await last)[0]?.durable).toBe('yes')
  })

  it('lets what has to be stored wait, whatever is done with writes', async () => {
    const { hand, send } = producerOf({ overload: 'shed' })
    const first = send([record(700)], {})
    const waiting = send([record(700)], { waits: true })
    expect((await send([record(700)], {}))[0]).toMatchObject({ durable: 'no' })
    hand.answer()
    await first
    while (hand.sent.length < 2) await Promise.resolve()
    hand.answer()
    expect((await waiting)[0]).toMatchObject({ durable: 'yes' })
  })
})
