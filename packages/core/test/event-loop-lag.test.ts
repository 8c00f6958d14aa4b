import { describe, expect, it } from 'vitest'
import { watchEventLoop } from '../src/event-loop-lag.ts'
import { createWal, type EventLoopLagEvent, memoryQueue } from '../src/index.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'

describe('the event loop', () => {
  it('is watched: one that is held up is told of, and shown in the status', async () => {
    const wal = await createWal({
      namespaces: { n: { queue: memoryQueue(), targets: { t: async () => {} } } },
    })
    const told = new Promise<EventLoopLagEvent>((resolve) => wal.once('eventLoopLag', resolve))
    // The watch begins with the loop's next turn.
    await new Promise((resolve) => setTimeout(resolve, 50))
    const until = performance.now() + 400
    while (performance.now() < until);
    // Keeps the process alive, which the watch does not.
    const alive = setInterval(() => {}, 100)
    const { lagMs } = await told
    clearInterval(alive)
    expect(lagMs).toBeGreaterThan(300)
    expect((await wal.status()).eventLoopLagMs).toBe(lagMs)
    await wal.close()
  })
})

describe('the watch of an idle event loop', () => {
  it('comes back to it once the loop is busy, and finds what holds it up', async () => {
    const lags: number[] = []
    const clock = new VirtualClock()
    const watch = watchEventLoop(clock, (lagMs) => lags.push(lagMs))
    const period = async (busyMs: number): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      const until = performance.now() + busyMs
      while (performance.now() < until);
      await new Promise((resolve) => setTimeout(resolve, 100))
      await clock.advance(1000)
    }
    await period(0)
    await period(0)
    await period(50)
    await period(400)
    expect(watch.lagMs).toBeGreaterThan(300)
    expect(lags).toContain(watch.lagMs)
    watch.stop()
  })
})
