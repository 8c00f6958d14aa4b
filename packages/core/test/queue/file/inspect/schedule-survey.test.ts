import { describe, expect, it } from 'vitest'
import { salvageFileQueue } from '../../../../src/queue/file/inspect/salvage-file-queue.ts'
import { verifyFileQueue } from '../../../../src/queue/file/inspect/verify-file-queue.ts'
import { verifyReportText } from '../../../../src/queue/file/inspect/verify-text.ts'
import { openLock } from '../support/open-lock.ts'
import { OpenQueue, pullNow } from '../support/open-queue.ts'
import { into, salvageOptions } from './support/salvaged.ts'
import { filesOn, from, newDisk, type QueueFiles } from './support/sample-queue.ts'

/** Twelve delayed records, in two runs. */
async function withRuns(): Promise<QueueFiles> {
  const disk = newDisk()
  const opened = await OpenQueue.open({
    directory: from,
    fileSystem: disk,
    lock: openLock,
    scheduleRecords: 5,
  })
  const dueAt = opened.clock.now() + 1000
  const consumer = await opened.consumer()
  for (let round = 0; round < 2; round++) {
    await opened.sendAll(Array.from({ length: 6 }, () => ({ dueAt, namespace: 'titles' })))
    await pullNow(consumer)
  }
  await consumer.close()
  await opened.queue.close()
  return filesOn(disk)
}

function verify(files: QueueFiles) {
  const isOwned = async (): Promise<boolean> => false
  return verifyFileQueue({ directory: from, fileSystem: newDisk(files), isOwned })
}

function runsIn(files: QueueFiles): readonly string[] {
  return [...files.keys()].filter((file) => file.endsWith('.run')).sort()
}

describe('a schedule in files of its own', () => {
  it('is counted', async () => {
    const files = await withRuns()
    const runs = runsIn(files)
    const report = await verify(files)
    const bytes = runs.reduce((sum, run) => sum + (files.get(run)?.length ?? 0), 0)
    expect(report).toMatchObject({ ok: true, notes: [] })
    expect(report.cursors).toMatchObject([
      { pending: 12, schedule: { runs: 2, records: 12, bytes } },
    ])
    expect(verifyReportText(report)).toContain('12 delayed in 2 runs')
  })

  it('is read to its last byte', async () => {
    const files = await withRuns()
    const [run = ''] = runsIn(files)
    const bytes = files.get(run) as Buffer
    const blind: number[] = []
    for (let at = 0; at < bytes.length; at += at < 100 ? 1 : 37) {
      const harmed = Buffer.from(bytes)
      harmed[at] = ~(harmed[at] as number)
      const { problems } = await verify(new Map(files).set(run, harmed))
      if (problems[0]?.file !== run) blind.push(at)
    }
    // Behind the header there are zeros that nothing looks at, and some behind the index.
    expect(blind.filter((at) => (at < 64 || at >= 4096) && at < bytes.length - 4)).toEqual([])
    for (const left of [bytes.subarray(0, bytes.length - 8), Buffer.alloc(0)]) {
      const { ok, problems } = await verify(new Map(files).set(run, left))
      expect([ok, problems.map(({ file }) => file)]).toEqual([false, [run]])
    }
  })

  it('may be missing, or nobody may name it: no record is lost by that', async () => {
    const files = await withRuns()
    const [run = ''] = runsIn(files)
    const lacking = new Map(files)
    lacking.delete(run)
    expect((await verify(lacking)).problems).toMatchObject([{ file: run }])
    const more = await verify(new Map(files).set('schedules/old.run', Buffer.alloc(9)))
    expect(more).toMatchObject({ ok: true, notes: [{ file: 'schedules/old.run' }] })

    const disk = newDisk(lacking)
    const { lost } = await salvageFileQueue(salvageOptions(disk))
    expect(lost).toEqual([])
    const opened = await OpenQueue.open({ directory: into, fileSystem: disk, lock: openLock })
    const consumer = await opened.consumer()
    expect(await pullNow(consumer)).toEqual([])
    opened.clock.stepWallClock(2000)
    expect(await pullNow(consumer)).toHaveLength(12)
    expect(opened.errors).toEqual([])
  })
})
