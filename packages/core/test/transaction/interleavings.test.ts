import { describe, expect, it } from 'vitest'
import { explore, targets } from './support/transaction-world.ts'

describe('a transaction is whole or not at all in every interleaving of', () => {
  it('seal, sweep and crash', async () => {
    const runs = await explore({ count: 3, bytes: 150_000 }, async (world, turns) => {
      // By then it has been open too long: the sweep may come at any moment.
      const sweep = async (): Promise<void> => {
        await turns.wait('sweep')
        await world
          .process('sweep', turns, { ownsStore: false, openForMs: -1 })
          .transactions.sweep()
      }
      return [() => world.write('write', turns), sweep]
    })
    expect(runs).toBeGreaterThan(25)
  })

  it.each([
    { lands: false, durable: 'no' },
    { lands: false, durable: 'unknown' },
    { lands: true, durable: 'unknown' },
  ] as const)(
    'seal, a queue that says $durable (stored: $lands), a sweep and crash',
    async (send) => {
      for (const shared of [false, true]) {
        const runs = await explore({ count: 3, bytes: 10, send, shared }, async (world, turns) => {
          const sweep = async (): Promise<void> => {
            await turns.wait('sweep')
            const options = { ownsStore: false, aheadMs: 200_000 }
            await world.process('sweep', turns, options).transactions.sweep()
          }
          return [() => world.write('write', turns), sweep]
        })
        expect(runs).toBeGreaterThan(10)
      }
    },
  )

  it('two targets that apply, and crash', async () => {
    const runs = await explore({ count: 2, bytes: 10 }, async (world, turns) => {
      const marker = await world.written()
      return targets.map((target) => () => world.deliver(marker, target, target, turns))
    })
    expect(runs).toBeGreaterThan(300)
  })

  it('apply, a sweep that sends the marker once more, and crash', async () => {
    const runs = await explore({ count: 3, bytes: 10 }, async (world, turns) => {
      const marker = await world.written()
      return [
        () => world.deliver(marker, 'base', 'apply', turns),
        () => world.process('sweep', turns).transactions.sweep(),
      ]
    })
    expect(runs).toBeGreaterThan(10)
  })

  it('apply, a sweep that forgets what has ended, a marker that comes again, and crash', async () => {
    const runs = await explore({ count: 1, bytes: 10 }, async (world, turns) => {
      const marker = await world.written()
      const forget = async (): Promise<void> => {
        await turns.wait('forget')
        const options = { ownsStore: false, keepMs: -1 }
        await world.process('forget', turns, options).transactions.sweep()
      }
      return [
        () =>
          world
            .deliver(marker, 'base', 'apply', turns)
            .then(() => world.deliver(marker, 'base', 'apply', turns)),
        forget,
      ]
    })
    expect(runs).toBeGreaterThan(50)
  })
})
