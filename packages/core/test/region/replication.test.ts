import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { crossRegionReplication } from '../../src/persona/cross-region-replication.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import { httpTarget } from '../../src/target/http/http-target.ts'
import type { Target } from '../../src/target/target.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { createWal } from '../../src/wal.ts'
import { type Row, VersionedStore } from '../testing/versioned-store.ts'
import { names, openRegions, type RegionName } from './support/regions.ts'

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

  it('ask the end of a peer of what is written here, and not of what comes from elsewhere', async () => {
    const clock = new VirtualClock()
    const picky: Target<Row> = {
      idempotency: 'version',
      ops: ['put'],
      validate: ({ payload }) => (payload?.title === 'no' ? 'no is no title' : undefined),
      apply: async () => {},
    }
    const endOf = (from: RegionName) => (from === 'eu' ? picky : undefined)
    const { at, close } = await openRegions({ clock, endOf })
    const refused = { code: 'ERR_INVALID_RECORD' }
    const bad = { key: 'a', payload: { title: 'no' } }
    await expect(at('eu').rows.write(bad)).rejects.toMatchObject(refused)
    await expect(at('eu').rows.delete({ key: 'a' })).rejects.toMatchObject(refused)
    await clock.runUntil(at('us').rows.write(bad))
    await clock.runUntil(at('us').rows.delete({ key: 'b' }))
    await clock.advance(1000)
    expect(at('eu').store.came).toHaveLength(2)
    await close()
  })

  it('are warned of an application of their own over HTTP, which is an end that passes records on only at a peer', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const target = () => httpTarget({ url: 'http://films.invalid/', batch: true })
    const wal = await createWal({
      namespaces: {
        rows: crossRegionReplication({
          region: { name: 'eu', number: 0 },
          queue: memoryQueue(),
          targets: { films: target() },
          peers: { us: { number: 1, target: target() } },
        }),
      },
    })
    const told = warned.mock.calls.map(([message]) => String(message))
    warned.mockRestore()
    expect(told).toEqual([expect.stringMatching(/^Target 'films' .* does not end the same/s)])
    await expect(
      wal.namespace('rows').write({ key: 'a', op: 'patch', payload: {} }),
    ).rejects.toMatchObject({ code: 'ERR_INVALID_RECORD' })
    await wal.close()
  })

  it('are not replayed with new versions', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'daybook-regions-'))
    const store = new VersionedStore()
    const wal = await createWal({
      directory,
      namespaces: {
        rows: crossRegionReplication({
          region: { name: 'eu', number: 0 },
          targets: { store },
          peers: { us: { number: 1, target: new VersionedStore() } },
        }),
      },
    })
    const replay = { target: 'store', from: 0, restamp: true } as const
    await expect(wal.replay('rows', replay)).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
      message: expect.stringContaining('that no other region has'),
    })
    expect(await wal.replay('rows', { ...replay, restamp: false })).toMatchObject({
      complete: true,
    })
    await wal.close()
    await rm(directory, { recursive: true })
  })
})
