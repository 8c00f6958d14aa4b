import { describe, expect, test } from 'vitest'
import type { Consumer, Delivery } from '../../src/consumer/consumer.ts'
import type { StoredDeadLetter } from '../../src/dlq/dlq.ts'
import { permanent } from '../../src/target/target.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { harness } from './support/harness.ts'

const never = permanent('NO', 'never')

/** A delivery that blocks, whose consumer parks, or fails so often to. */
function parking(failures = 0, onDeadLetter: 'block' | 'continue' = 'block') {
  const queue = new FakeQueue()
  const parked: string[] = []
  const gates: Promise<void>[] = []
  let fails = failures
  const own = queue.consumer({ reload: false })
  const park = async (deliveries: readonly Delivery[]): Promise<void> => {
    await gates.shift()
    if (fails-- > 0) throw new Error('no room')
    parked.push(...deliveries.map(({ record }) => record.id))
  }
  const consumer = new Proxy(own, {
    get: (target, name) => (name === 'park' ? park : Reflect.get(target, name)),
  }) as Consumer
  const h = harness({ queue, consumer, policy: { onDeadLetter } })
  return Object.assign(h, { parked, gates })
}

describe('records behind a dead letter of their key', () => {
  test('are parked in their order, also those that come later, and those of no other key', async () => {
    const h = parking()
    for (const key of ['a', 'a', 'b', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    await h.start()
    expect(h.parked).toEqual(['r2', 'r4'])
    for (const key of ['a', 'b', 'a']) h.queue.add({ key })
    await h.clock.settle()
    expect(h.parked).toEqual(['r2', 'r4', 'r5', 'r7'])
    expect(h.target.seen).toEqual(['r1', 'r3', 'r6'])
    expect(await h.delivery.status()).toMatchObject({ blockedKeys: 1, held: 4 })
  })

  test('are not parked where their key goes on', async () => {
    const h = parking(0, 'continue')
    for (const key of ['a', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    await h.start()
    expect(h.target.seen).toEqual(['r1', 'r2'])
    expect(h.parked).toEqual([])
  })

  test('are parked again, all of them and in order, after a failure that is told', async () => {
    const h = parking(2)
    for (const key of ['a', 'a', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    await h.start()
    expect(h.parked).toEqual([])
    h.queue.add({ key: 'a' })
    await h.clock.advance(60_000)
    expect(h.parked).toEqual(['r2', 'r3', 'r4'])
    expect(h.events.errors).toMatchObject([{ code: 'ERR_IO' }, { code: 'ERR_IO' }])
  })

  test('are acked where they were applied while they were being parked', async () => {
    const h = parking()
    for (const key of ['a', 'a']) h.queue.add({ key })
    h.target.script('r1', never)
    let open = (): void => {}
    h.gates.push(
      new Promise<void>((resolve) => {
        open = resolve
      }),
    )
    await h.start()
    const [letter] = h.events.letters as readonly StoredDeadLetter[]
    await h.deadLetters.remove([letter?.id ?? ''])
    if (letter !== undefined) h.delivery.letterDiscarded(letter)
    await h.clock.settle()
    open()
    await h.drain()
    expect(h.queue.left).toEqual([])
  })

  test('are not joined by the copy that frees their key, and go after it', async () => {
    const h = parking()
    for (const key of ['a', 'a']) h.queue.add({ key })
    h.target.script('r1', never, never)
    await h.start()
    const [letter] = h.events.letters as readonly StoredDeadLetter[]
    if (letter === undefined) throw new Error('There is no letter.')
    h.delivery.expectRedriven(letter)
    h.queue.add({ ...letter.record, target: 'search', attemptEpoch: 1 })
    await h.clock.settle()
    // It failed again, and so its key waits on.
    expect(h.target.seen).toEqual(['r1', 'r1'])
    h.queue.add({ key: 'a' })
    await h.clock.settle()
    expect(h.parked).toEqual(['r2', 'r4'])
  })
})
