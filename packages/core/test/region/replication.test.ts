import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { names, openRegions } from './support/regions.ts'

describe('regions', () => {
  it('apply what is written in any of them, each record once', async () => {
    const clock = new VirtualClock()
    const { at, close } = await openRegions({ clock })
    const ids: string[] = []
    for (const name of names) {
      const written = await clock.runUntil(
        at(name).rows.write({ key: `of ${name}`, payload: { title: name } }),
      )
      ids.push(written.id)
    }
    await clock.advance(1000)
    for (const name of names) {
      const { store, wal } = at(name)
      expect([...store.came].sort()).toEqual([...ids].sort())
      const { targets } = (await wal.status()).namespaces.rows
      const sent = Object.entries(targets).map(([target, { delivery }]) => [
        target,
        delivery?.applied,
      ])
      const peers = names.filter((each) => each !== name).map((each) => [each, 1])
      expect(sent).toEqual([['store', 3], ...peers])
    }
    await close()
  })
})
