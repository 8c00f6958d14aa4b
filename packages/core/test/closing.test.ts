import { describe, expect, it } from 'vitest'
import { createWal, memoryQueue, type Target } from '../src/index.ts'
import { VirtualClock } from '../src/testing/index.ts'

const never = new Promise<never>(() => {})

/** Two targets, and what became of them; their calls hang where `hangs` says so. */
async function walOf(hangs: readonly ('open' | 'apply' | 'close')[]) {
  const clock = new VirtualClock()
  const calls: string[] = []
  const call = (name: string, method: 'open' | 'apply' | 'close') => {
    calls.push(`${name} ${method}`)
    return hangs.includes(method) ? never : Promise.resolve()
  }
  const target = (name: string): Target => ({
    idempotency: 'id',
    open: () => call(name, 'open'),
    apply: () => call(name, 'apply'),
    close: () => call(name, 'close'),
  })
  const queue = memoryQueue()
  const close = queue.close.bind(queue)
  const producer = queue.producer.bind(queue)
  queue.producer = async () => {
    const one = await producer()
    const closeOne = one.close.bind(one)
    one.close = () => {
      calls.push('producer close')
      return closeOne()
    }
    return one
  }
  queue.close = () => {
    calls.push('queue close')
    return close()
  }
  const wal = await createWal({
    clock,
    namespaces: { n: { queue, targets: { one: target('one'), two: target('two') } } },
  })
  await wal.write('n', { key: 'k', payload: 1 })
  return { wal, clock, calls, queue }
}

/** How long it took by the clock, and what came of it. */
async function closed({ wal, clock }: Awaited<ReturnType<typeof walOf>>, timeout: number) {
  const began = clock.monotonic()
  const outcome = await clock.runUntil(
    wal.close({ timeout }).then(
      () => 'closed',
      (error: unknown) => error,
    ),
  )
  return { outcome, ms: clock.monotonic() - began }
}

describe('a close with a time-out', () => {
  it('has one deadline, however many targets hang', async () => {
    const open = await walOf(['apply', 'close'])
    await open.wal.start()
    await open.clock.settle()
    const { outcome, ms } = await closed(open, 1000)
    expect(outcome).toMatchObject({
      code: 'ERR_CLOSE_TIMEOUT',
      message: expect.stringContaining("The target 'one' did not close"),
    })
    expect(ms).toBe(3000)
    expect(open.calls.slice(-4)).toEqual([
      'one close',
      'two close',
      'producer close',
      'queue close',
    ])
  })

  it('takes no time where nothing hangs', async () => {
    const open = await walOf([])
    await open.wal.start()
    await open.clock.settle()
    expect(await closed(open, 1000)).toEqual({ outcome: 'closed', ms: 0 })
  })

  it('does not wait for targets that are still being opened', async () => {
    const open = await walOf(['open'])
    const started = open.wal.start().catch((error: unknown) => error)
    await open.clock.settle()
    const { ms } = await closed(open, 1000)
    expect(ms).toBeLessThanOrEqual(3000)
    expect(await started).toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('does not wait for a queue that gives no consumer', async () => {
    const open = await walOf([])
    open.queue.consumer = () => never
    const started = open.wal.start().catch((error: unknown) => error)
    await open.clock.settle()
    const { outcome, ms } = await closed(open, 500)
    expect(outcome).toMatchObject({
      code: 'ERR_CLOSE_TIMEOUT',
      message: expect.stringContaining("start of namespace 'n'"),
    })
    expect(ms).toBe(500)
    expect(await started).toMatchObject({ code: 'ERR_CLOSED' })
    expect(open.calls.slice(-4)).toEqual([
      'one close',
      'two close',
      'producer close',
      'queue close',
    ])
  })

  it('closes a consumer that the queue gives after the close', async () => {
    const open = await walOf([])
    const consumer = await open.queue.consumer('one')
    const late = Promise.withResolvers<typeof consumer>()
    open.queue.consumer = () => late.promise
    let closes = 0
    consumer.close = async () => {
      closes++
    }
    const started = open.wal.start().catch((error: unknown) => error)
    await open.clock.settle()
    await closed(open, 500)
    await started
    // The queue has closed what it gave before.
    closes = 0
    late.resolve(consumer)
    await open.clock.settle()
    expect(closes).toBe(1)
    expect(open.calls).not.toContain('one apply')
  })

  it('does not wait for a status that waits for the queue', async () => {
    const open = await walOf([])
    open.queue.consumer = () => never
    void open.wal.status().catch(() => {})
    await open.clock.settle()
    const { outcome, ms } = await closed(open, 500)
    expect(outcome).toMatchObject({ code: 'ERR_CLOSE_TIMEOUT' })
    expect(ms).toBe(500)
    expect(open.calls.slice(-2)).toEqual(['producer close', 'queue close'])
  })
})
