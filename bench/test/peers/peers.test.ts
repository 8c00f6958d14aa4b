import { mkdtempSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Meter } from '../../src/harness/meter.ts'
import { betterSqlite3 } from '../../src/peers/better-sqlite3.ts'
import type { Contestant } from '../../src/peers/contestant.ts'
import { diskLoop } from '../../src/peers/disk-loop.ts'
import { lmdb } from '../../src/peers/lmdb.ts'

async function runOnce(contestant: Contestant) {
  const directory = mkdtempSync(join(tmpdir(), 'bench-peer-'))
  try {
    const meter = new Meter({ warmUpMs: 50, measureMs: 200 })
    const task = { directory, meter, payloadBytes: 1024, writers: 8, groupRecords: 8 }
    const notes = await contestant.run(task)
    const files = await Promise.all(
      (await readdir(directory)).map((name) => stat(join(directory, name))),
    )
    return { ...meter.reading(), notes, bytes: files.reduce((sum, { size }) => sum + size, 0) }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

test.each([diskLoop, betterSqlite3, lmdb])(
  '$name stores what it claims to have stored',
  async (peer) => {
    const { records, bytes } = await runOnce(peer)
    expect(records).toBeGreaterThan(8)
    expect(bytes).toBeGreaterThan(records * 1024)
  },
)

test('lmdb answers all of its writers together, once their puts are flushed', async () => {
  const { notes } = await runOnce(lmdb)
  expect(notes?.groups?.max).toBe(8)
})
