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
  queue.close = () => {
    calls.push('queue close')
    return close()
  }
  const wal = await createWal({
    clock,
    namespaces: { n: { queue, targets: { one: target('one'), two: target('two') } } },
  })
  await wal.write('n', { key: 'k', payload: 1 })
  return { wal, clock, calls }
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
    expect(open.calls.slice(-3)).toEqual(['one close', 'two close', 'queue close'])
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
})
