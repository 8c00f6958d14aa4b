import { beforeEach, describe, expect, test } from 'vitest'
import { type Consumer, type Delivery, noAttempts } from '../../src/consumer/consumer.ts'
import { Acker } from '../../src/delivery/acker.ts'
import { Alarms } from '../../src/delivery/alarms.ts'
import { makeStoredRecord } from '../../src/testing/make-record.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

interface Call {
  readonly records: number
  readonly positions: readonly (number | bigint)[]
  readonly end: PromiseWithResolvers<void>
}

const backoffMs = 50

let clock: VirtualClock
let calls: Call[]
let errors: unknown[]
let made: number
beforeEach(() => {
  clock = new VirtualClock()
  calls = []
  errors = []
  made = 0
})

/** An acker whose consumer answers each ack when its call is ended by hand. */
function ackerOf(acks: Consumer['acks']): Acker {
  const consumer: Pick<Consumer, 'acks' | 'ack'> = {
    acks,
    ack(deliveries) {
      const end = Promise.withResolvers<void>()
      calls.push({
        records: deliveries.length,
        positions: deliveries.map(({ position }) => position),
        end,
      })
      return end.promise
    },
  }
  return new Acker({
    consumer: consumer as Consumer,
    alarms: new Alarms(clock),
    backoffMs: (failures) => failures * backoffMs,
    onError: (error) => errors.push(error),
    onAcked() {},
  })
}

/** Of one key, or, without it, each of a key of its own. */
function deliveries(count: number, key?: string): Delivery[] {
  return Array.from({ length: count }, () => {
    const position = made++
    const record = makeStoredRecord({ key: key ?? `key ${position}` })
    return { record, position, bytes: 1, attempts: noAttempts }
  })
}

const sizes = (): readonly number[] => calls.map(({ records }) => records)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function succeed(at: number): Promise<void> {
  calls[at]?.end.resolve()
  await turn()
}

async function fail(at: number): Promise<void> {
  calls[at]?.end.reject(new Error(`ack ${at}`))
  await turn()
}

describe('acks', () => {
  test('go one at a time where the consumer says nothing, and what ends meanwhile goes with the next', async () => {
    const acker = ackerOf(undefined)
    acker.ack(deliveries(2))
    acker.ack(deliveries(30))
    acker.ack(deliveries(3))
    expect(sizes()).toEqual([2])
    await succeed(0)
    expect(sizes()).toEqual([2, 33])
    await succeed(1)
    expect(acker.pending).toBe(0)
  })

  test('go beside each other in full calls only, and no more of them than the consumer says', async () => {
    const acker = ackerOf({ atOnce: 3, records: 10 })
    acker.ack(deliveries(2))
    acker.ack(deliveries(9))
    expect(sizes()).toEqual([2])
    acker.ack(deliveries(14))
    expect(sizes()).toEqual([2, 20])
    acker.ack(deliveries(7))
    expect(sizes()).toEqual([2, 20, 10])
    acker.ack(deliveries(100))
    expect(sizes()).toEqual([2, 20, 10])
    expect(acker.pending).toBe(132)
    await succeed(1)
    expect(sizes()).toEqual([2, 20, 10, 100])
    const acked = calls.flatMap(({ positions }) => positions)
    expect(acked).toEqual(Array.from({ length: 132 }, (_, at) => at))
  })

  test('leave nothing behind that would fill a call in part only, once nothing else is under way', async () => {
    const acker = ackerOf({ atOnce: 3, records: 10 })
    acker.ack(deliveries(10))
    acker.ack(deliveries(15))
    expect(sizes()).toEqual([10, 10])
    await succeed(0)
    expect(sizes()).toEqual([10, 10])
    await succeed(1)
    expect(sizes()).toEqual([10, 10, 5])
  })

  test('that fail are tried again together after one backoff, before which nothing goes, and beside which neither', async () => {
    const acker = ackerOf({ atOnce: 3, records: 10 })
    for (let at = 0; at < 3; at++) acker.ack(deliveries(10))
    await fail(0)
    await fail(1)
    await succeed(2)
    acker.ack(deliveries(20))
    await clock.advance(backoffMs - 1)
    expect(sizes()).toEqual([10, 10, 10])
    await clock.advance(1)
    expect(errors).toHaveLength(2)
    expect(sizes()).toEqual([10, 10, 10, 40])
    expect(new Set(calls[3]?.positions)).toEqual(
      new Set([...(calls[0]?.positions ?? []), ...(calls[1]?.positions ?? []), ...range(30, 50)]),
    )
    acker.ack(deliveries(10))
    expect(sizes()).toEqual([10, 10, 10, 40])
    await fail(3)
    await clock.advance(2 * backoffMs - 1)
    expect(sizes()).toHaveLength(4)
    await clock.advance(1)
    await succeed(4)
    acker.ack(deliveries(10))
    acker.ack(deliveries(10))
    expect(sizes()).toEqual([10, 10, 10, 40, 50, 10, 10])
  })

  test('of a key wait for the call under way that has its earlier ones, and those of other keys pass them', async () => {
    const acker = ackerOf({ atOnce: 3, records: 2 })
    acker.ack(deliveries(2, 'a'))
    acker.ack([...deliveries(2, 'a'), ...deliveries(3, 'b')])
    acker.ack([...deliveries(2, 'a'), ...deliveries(1, 'b')])
    expect(calls.map(({ positions }) => positions)).toEqual([
      [0, 1],
      [4, 5],
    ])
    expect(acker.pending).toBe(10)
    await succeed(0)
    expect(calls[2]?.positions).toEqual([2, 3, 7, 8])
    await succeed(1)
    await succeed(2)
    expect(calls[3]?.positions).toEqual([6, 9])
    await succeed(3)
    expect(acker.pending).toBe(0)
  })

  test('of records without a key wait for none', () => {
    const acker = ackerOf({ atOnce: 2, records: 1 })
    const keyless = deliveries(2).map((delivery) => {
      return { ...delivery, record: { ...delivery.record, key: undefined } }
    })
    for (const delivery of keyless) acker.ack([delivery])
    expect(sizes()).toEqual([1, 1])
  })

  test('of a key follow its failed ones in the same call, also where another call has gone through meanwhile', async () => {
    const acker = ackerOf({ atOnce: 3, records: 1 })
    acker.ack(deliveries(1, 'a'))
    acker.ack(deliveries(1, 'b'))
    acker.ack(deliveries(1, 'a'))
    await fail(0)
    await succeed(1)
    expect(calls.map(({ positions }) => positions)).toEqual([[0], [1]])
    await clock.advance(backoffMs)
    expect(calls[2]?.positions).toEqual([0, 2])
    await succeed(2)
    expect(acker.pending).toBe(0)
  })

  test('that are several at once are all waited for by a flush, which does not wait for a backoff', async () => {
    const acker = ackerOf({ atOnce: 2, records: 1 })
    acker.ack(deliveries(1))
    acker.ack(deliveries(1))
    await fail(0)
    await succeed(1)
    let isFlushed = false
    const flushing = acker.flush().then(() => {
      isFlushed = true
    })
    expect(sizes()).toEqual([1, 1, 1])
    acker.ack(deliveries(1))
    await succeed(2)
    expect(isFlushed).toBe(false)
    await clock.advance(backoffMs)
    await succeed(3)
    await flushing
    expect(acker.pending).toBe(0)
  })

  test('of a copy alone go beside the others where the consumer keeps their order, and after a failure with them', async () => {
    const acker = ackerOf(undefined)
    acker.ack(deliveries(2))
    const [copy] = deliveries(1, 'a')
    let isThrough = false
    const through = acker.ackAlone(copy as Delivery).then(() => {
      isThrough = true
    })
    acker.ack(deliveries(1, 'a'))
    expect(calls.map(({ positions }) => positions)).toEqual([[0, 1], [2]])
    expect(acker.pending).toBe(4)
    await fail(1)
    await succeed(0)
    expect(sizes()).toEqual([2, 1])
    await clock.advance(backoffMs)
    expect(calls[2]?.positions).toEqual([2, 3])
    expect(isThrough).toBe(false)
    await succeed(2)
    await through
    expect(acker.pending).toBe(0)
  })

  test('of a copy alone are no others than those of a consumer that declares them', async () => {
    const acker = ackerOf({ atOnce: 3, records: 1 })
    const through: number[] = []
    acker.ack(deliveries(1, 'a'))
    for (const delivery of deliveries(2, 'a')) {
      void acker.ackAlone(delivery).then(() => through.push(Number(delivery.position)))
    }
    acker.ack(deliveries(1, 'b'))
    expect(calls.map(({ positions }) => positions)).toEqual([[0], [3]])
    await succeed(0)
    expect(calls[2]?.positions).toEqual([1, 2])
    expect(through).toEqual([])
    await succeed(2)
    expect(through).toEqual([1, 2])
    await succeed(1)
    expect(acker.pending).toBe(0)
  })

  test('of a copy alone are waited for by a flush, like any others', async () => {
    const acker = ackerOf(undefined)
    const [copy] = deliveries(1, 'a')
    void acker.ackAlone(copy as Delivery)
    let isFlushed = false
    const flushing = acker.flush().then(() => {
      isFlushed = true
    })
    await turn()
    expect([isFlushed, acker.pending]).toEqual([false, 1])
    await succeed(0)
    await flushing
    expect(acker.pending).toBe(0)
  })
})

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at)
}
