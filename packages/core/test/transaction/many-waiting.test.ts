import { describe, expect, it } from 'vitest'
import { createWal, defineTarget, fileQueue, multiPartitionMutation } from '../../src/index.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'
import { SortedIds } from '../../src/transaction/sorted-ids.ts'
import { openLock } from '../queue/file/support/open-lock.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const count = 300

async function openWal(disk: SimulatedFileSystem) {
  const queue = fileQueue({ directory: '/wal/rows', fileSystem: disk, lock: openLock })
  const targets = { base: defineTarget(async () => {}, { idempotency: 'version' }) }
  return createWal({ namespaces: { rows: multiPartitionMutation({ queue, targets }) } })
}

describe('a log with many transactions that wait', () => {
  it('is opened after a kill in far fewer writes than it sends markers once more', async () => {
    const first = new SimulatedFileSystem({ random: new SeededRandom(seed) })
    const dying = (await openWal(first)).namespace('rows')
    await Promise.all(
      Array.from({ length: count }, (_, at) =>
        dying.transaction((tx) => tx.put('base', { key: `k${at}`, payload: at })),
      ),
    )
    const disk = first.kill()
    let writes = 0
    disk.fault = ({ kind }) => {
      if (kind.startsWith('write')) writes++
      return undefined
    }
    const wal = await openWal(disk)
    expect((await wal.status()).namespaces.rows.targets.base.pending).toBe(2 * count)
    expect(writes).toBeGreaterThan(0)
    expect(writes).toBeLessThan(count / 4)
    await wal.close()
  })
})

describe('the ids of a state', () => {
  it('are those that were added and not deleted, in rising order, from any place on', () => {
    const random = new SeededRandom(seed)
    const ids = new SortedIds()
    const known = new Set<string>()
    const some = () =>
      Math.floor(random.next() * 60)
        .toString()
        .padStart(2, '0')
    for (let step = 0; step < 5_000; step++) {
      const id = some()
      if (random.next() < 0.5) {
        ids.add(id)
        known.add(id)
      } else {
        ids.delete(id)
        known.delete(id)
      }
      const after = random.next() < 0.2 ? '' : some()
      const expected = [...known].filter((one) => one > after).sort()
      expect([...ids.after(after)], `step ${step}`).toEqual(expected)
    }
  })
})
