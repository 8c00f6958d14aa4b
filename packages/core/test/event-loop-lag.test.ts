import { describe, expect, it } from 'vitest'
import { createWal, type EventLoopLagEvent, memoryQueue } from '../src/index.ts'

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
