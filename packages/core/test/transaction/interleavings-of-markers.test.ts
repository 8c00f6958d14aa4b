import { describe, expect, it } from 'vitest'
import type { StoredRecord } from '../../src/record.ts'
import { explore, type World } from './support/transaction-world.ts'

const begun = { hasBegun: true }

/** The same transaction's, as the next opening sends it where the first may be lost: of a later version. */
async function laterMarker(world: World, marker: StoredRecord): Promise<StoredRecord> {
  await world.noteRepeat()
  const duplicate = { ...marker, version: marker.version + 160n }
  world.queue.push(duplicate)
  return duplicate
}

describe('several markers of a transaction do no harm in any interleaving of', () => {
  it('apply, a marker of another version at another target, and crash', async () => {
    const runs = await explore({ count: 3, bytes: 10 }, async (world, turns) => {
      const marker = await world.written()
      const duplicate = await laterMarker(world, marker)
      return [
        () => world.deliver(marker, 'base', 'first', turns),
        () => world.deliver(duplicate, 'index', 'second', turns),
      ]
    })
    expect(runs).toBeGreaterThan(100)
  })

  it.each(['the same', 'another'])(
    'apply, a marker of %s version at the same target, and crash',
    async (version) => {
      const runs = await explore({ count: 1, bytes: 10 }, async (world, turns) => {
        const marker = await world.written()
        const duplicate = version === 'another' ? await laterMarker(world, marker) : marker
        return [
          () => world.deliver(marker, 'base', 'first', turns),
          () => world.deliver(duplicate, 'base', 'second', turns),
        ]
      })
      expect(runs).toBeGreaterThan(100)
    },
  )

  it('two attempts by one marker that have begun with two mutations each, and crash', async () => {
    const runs = await explore({ count: 3, bytes: 10, shared: true }, async (world, turns) => {
      const marker = await world.written()
      return ['first', 'second'].map(
        (name) => () => world.deliver(marker, 'base', name, turns, begun),
      )
    })
    expect(runs).toBeGreaterThan(100)
  })

  it('two sweeps of a set whose marker was left out, where versions decide, and crash', async () => {
    const options = { count: 3, bytes: 10, shared: true } as const
    let mostMarkers = 0
    const runs = await explore(options, async (world, turns) => {
      await world.written()
      world.queue.length = 0
      const sweep = async (name: string): Promise<void> => {
        await turns.wait(name)
        await world.process(name, turns, { aheadMs: 200_000 }).transactions.sweep()
        mostMarkers = Math.max(mostMarkers, world.queue.length)
      }
      return ['first', 'second'].map((name) => () => sweep(name))
    })
    expect(runs).toBeGreaterThan(50)
    expect(mostMarkers).toBe(1)
  })

  it('a sweep that sends the marker, its delivery to a target, and crash, where versions decide', async () => {
    const runs = await explore({ count: 1, bytes: 10, shared: true }, async (world, turns) => {
      const marker = await world.written()
      return [
        () => world.deliver(marker, 'base', 'apply', turns),
        async () => {
          await turns.wait('sweep')
          await world.process('sweep', turns, { aheadMs: 200_000 }).transactions.sweep()
        },
      ]
    })
    expect(runs).toBeGreaterThan(50)
  })

  it('an attempt that is parked, another one by the same marker, and crash', async () => {
    const options = { count: 1, bytes: 10, shared: true, broken: 0 } as const
    const runs = await explore(options, async (world, turns) => {
      const marker = await world.written()
      return [
        () => world.deliver(marker, 'base', 'first', turns, begun),
        async () => {
          await turns.wait('second')
          world.isRepaired = true
          await world.deliver(marker, 'base', 'second', turns)
        },
      ]
    })
    expect(runs).toBeGreaterThan(100)
  })

  it('a letter that is discarded, another that is redriven, and crash', async () => {
    const options = { count: 2, bytes: 10, shared: true, broken: 0 } as const
    const runs = await explore(options, async (world, turns) => {
      const marker = await world.written()
      await world.deliver(marker, 'base')
      await world.deliver(marker, 'index')
      const letter = world.letters.get('base')
      if (letter === undefined) throw new Error('it was not parked')
      world.isRepaired = true
      return [
        () => world.discard(letter, 'discard', turns),
        () => world.deliver({ ...marker, target: 'base' }, 'base', 'redrive', turns),
      ]
    })
    expect(runs).toBeGreaterThan(20)
  })
})
