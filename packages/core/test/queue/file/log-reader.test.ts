import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Log, LogEntry, LogPlace } from '../../../src/queue/file/log.ts'
import { readAll } from '../../simulation/log-workload.ts'
import { append, open, search, unlimited } from './support/log-retention-setup.ts'

const limits = { maxRecords: 1000, maxBytes: 1 << 20 }

async function sequencesFrom(log: Log, from: number, near?: LogPlace): Promise<readonly number[]> {
  const reader = log.reader(from, near)
  const entries: LogEntry[] = []
  for (;;) {
    const more = await reader.read(limits)
    if (more.length === 0) break
    entries.push(...more)
  }
  await reader.close()
  return entries.map(({ sequence }) => sequence)
}

describe('a reader that begins near a record which was read before', () => {
  it('reads the same as one that searches its segment, whichever record that is', async () => {
    const log = await open({ bytes: unlimited })
    await append(log, 12)
    const entries = await readAll(log)
    expect(log.segmentHolding(12)).not.toBe(log.segmentHolding(1))
    const place = fc.integer({ min: 0, max: entries.length - 1 })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 14 }), place, async (from, near) => {
        expect(await sequencesFrom(log, from, entries[near])).toEqual(
          await sequencesFrom(log, from),
        )
      }),
      { seed: Number(process.env['DAYBOOK_SEED']), numRuns: 150 },
    )
    await log.close()
  })

  it('goes on with the first record that is kept where that one has gone', async () => {
    const log = await open({ bytes: 12_000 })
    search.lastingThrough = unlimited
    await append(log, 2)
    const [first] = await readAll(log)
    await append(log, 6)
    expect(log.firstSequence).toBeGreaterThan(2)
    expect((await sequencesFrom(log, 1, first))[0]).toBe(log.firstSequence)
    await log.close()
  })
})
