import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createWal, memoryQueue } from '../src/index.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'

const targets = { t: { idempotency: 'version', async apply() {} } } as const

describe('versions', () => {
  it('go on above the last one after a restart, also where the clock was set back', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'daybook-versions-'))
    const now = Date.now()
    const open = (ms: number) =>
      createWal({ directory, clock: new VirtualClock({ now: ms }), namespaces: { n: { targets } } })
    const first = await open(now)
    const before = await first.write('n', { key: 'k', payload: 1 })
    await first.close()
    const second = await open(now - 86_400_000)
    const after = await second.write('n', { key: 'other', payload: 2 })
    expect(after.version).toBeGreaterThan(before.version)
    await second.close()
    await rm(directory, { recursive: true })
  })

  it('follow one that was seen elsewhere, and one that was written again', async () => {
    const now = 1_800_000_000_000
    await using wal = await createWal({
      clock: new VirtualClock({ now }),
      namespaces: { n: { queue: memoryQueue(), targets } },
    })
    const seen = BigInt(now + 5000) * 1000n
    const follows = await wal.write('n', { key: 'a', payload: 1, after: seen })
    expect(follows.version).toBeGreaterThan(seen)
    await wal.write('n', { key: 'b', payload: 1, version: seen })
    const later = await wal.write('n', { key: 'b', payload: 2 })
    expect(later.version).toBeGreaterThan(seen)
  })
})
