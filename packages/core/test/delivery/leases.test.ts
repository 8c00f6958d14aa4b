import { describe, expect, test } from 'vitest'
import type { Consumer, Delivery } from '../../src/consumer/consumer.ts'
import type { StoredDeadLetter } from '../../src/dlq/dlq.ts'
import { applied, permanent } from '../../src/target/target.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { harness } from './support/harness.ts'
import { hiccup } from './support/scripted-target.ts'

function leased() {
  const queue = new FakeQueue()
  queue.canLoseLeases = true
  return harness({ queue })
}

describe('a lost lease', () => {
  test('takes a waiting record out of its lane and gives it back', async () => {
    const h = leased()
    h.queue.add()
    h.queue.add()
    h.target.script('r1', hiccup)
    await h.start()
    h.queue.loseLease('r2')
    await h.clock.settle()
    expect(h.queue.released).toMatchObject([{ delivery: { record: { id: 'r2' } }, delayMs: 0 }])
  })

  test('of a record that waits out its backoff means no further attempt here', async () => {
    const h = leased()
    h.queue.add()
    h.target.script('r1', hiccup)
    await h.start()
    h.queue.slots[0]?.lease?.abort()
    await h.clock.settle()
    expect(h.queue.released).toMatchObject([{ attempts: { spent: 1 } }])
    expect(h.events.errors).toEqual([])
  })

  test('drops the result of the apply under way, reports it, and gives the record back', async () => {
    const h = leased()
    h.queue.add()
    let answer: (value: unknown) => void = () => {}
    h.target.whole = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    await h.start()
    h.queue.loseLease('r1')
    await h.clock.settle()
    expect(h.queue.released).toEqual([])
    h.target.whole = undefined
    answer([applied])
    await h.clock.settle()
    expect(h.queue.released.map(({ delivery }) => delivery.record.id)).toEqual(['r1'])
    expect(h.events.errors).toMatchObject([{ code: 'ERR_OWNERSHIP_LOST' }])
    // The fake hands it out again, and this time it is applied and acked.
    await h.clock.settle()
    expect(h.events.appliedIds).toEqual(['r1'])
    expect(h.queue.acks).toEqual(['r1'])
  })

  test('while an attempt is noted keeps the record from being applied, and no other', async () => {
    const h = leased()
    h.queue.addMany(3)
    h.queue.whileBeginning = () => {
      h.queue.whileBeginning = undefined
      h.queue.loseLease('r2')
    }
    const given: string[][] = []
    h.target.whole = async (records) => {
      given.push(records.map(({ id }) => id))
      return records.map(() => applied)
    }
    await h.start()
    await h.clock.settle()
    expect(given[0]).toEqual(['r1', 'r3'])
    expect(h.queue.released.map(({ delivery }) => delivery.record.id)).toEqual(['r2'])
  })

  test('leaves the other records of the batch alone', async () => {
    const h = leased()
    h.queue.addMany(3)
    let answer: (value: unknown) => void = () => {}
    h.target.whole = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    await h.start()
    h.queue.loseLease('r2')
    h.target.whole = undefined
    answer([applied, applied, applied])
    await h.clock.settle()
    expect(h.queue.acks.slice(0, 2)).toEqual(['r1', 'r3'])
    expect(h.queue.released.map(({ delivery }) => delivery.record.id)).toEqual(['r2'])
  })
})

describe('a lease lost while the payload is being read again', () => {
  test('means that the record is not applied', async () => {
    const queue = new FakeQueue()
    queue.canLoseLeases = true
    queue.add()
    const consumer = queue.consumer()
    const slow = Object.assign(Object.create(consumer), {
      reload: async (...args: Parameters<NonNullable<typeof consumer.reload>>) => {
        const records = await consumer.reload?.(...args)
        queue.loseLease('r1')
        return records
      },
    })
    const h = harness({ queue, consumer: slow })
    h.target.script('r1', hiccup)
    await h.start()
    await h.clock.advance(100)
    expect(queue.released).toMatchObject([{ attempts: { spent: 1 } }])
    // Handed out anew, with its payload.
    expect(h.target.calls.map(({ records }) => records[0]?.payload)).toEqual([1, 1])
    expect(h.events.errors).toMatchObject([{ code: 'ERR_OWNERSHIP_LOST' }])
  })
})

describe('a lease lost while the attempts are being saved', () => {
  test('keeps the record out of its lane', async () => {
    const h = leased()
    h.queue.add()
    h.target.script('r1', hiccup)
    const consumer = h.queue.consumer()
    const slow = Object.assign(Object.create(consumer), {
      saveAttempts: async (...args: Parameters<typeof consumer.saveAttempts>) => {
        h.queue.loseLease('r1')
        await consumer.saveAttempts(...args)
      },
    })
    const other = harness({ queue: h.queue, clock: h.clock, target: h.target, consumer: slow })
    await other.start()
    expect(h.queue.released).toMatchObject([{ attempts: { spent: 1 } }])
    expect(h.target.calls.map(({ context }) => context.attempts)).toEqual([[1]])
  })
})

describe('a lease lost while the copy of a dead letter is being acked', () => {
  test('leaves that letter, for the copy comes again elsewhere', async () => {
    const queue = new FakeQueue()
    queue.canLoseLeases = true
    const own = queue.consumer()
    const ack = async (deliveries: readonly Delivery[]): Promise<void> => {
      if (deliveries[0]?.record.attemptEpoch === 1) queue.slots.at(-1)?.lease?.abort()
      await own.ack(deliveries)
    }
    const consumer = new Proxy(own, {
      get: (target, name) => (name === 'ack' ? ack : Reflect.get(target, name)),
    }) as Consumer
    const h = harness({ queue, consumer, policy: { onDeadLetter: 'block' } })
    h.queue.add({ key: 'a' })
    h.target.script('r1', permanent('NO', 'never'))
    await h.start()
    const [letter] = h.events.letters as readonly StoredDeadLetter[]
    if (letter === undefined) throw new Error('There is no letter.')
    h.delivery.expectRedriven(letter)
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    await h.clock.settle()
    expect(h.target.seen).toEqual(['r1', 'r1'])
    expect([...h.deadLetters.letters.keys()]).toEqual([letter.id])
  })
})
