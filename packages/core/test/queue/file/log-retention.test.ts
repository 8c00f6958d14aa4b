import { describe, expect, it } from 'vitest'
import type { WalError } from '../../../src/errors.ts'
import { openLog } from '../../../src/queue/file/log.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { logOptions } from '../../simulation/log-workload.ts'
import {
  append,
  cache,
  clock,
  day,
  disk,
  errors,
  files,
  held,
  hour,
  keptFiles,
  open,
  search,
  second,
  sequences,
  unlimited,
} from './support/log-retention-setup.ts'

describe('a log with a retention', () => {
  it('lets go of what is older than its time when the next segment is made', async () => {
    const log = await open({ timeMs: day })
    search.lastingThrough = unlimited
    await append(log, 3)
    await clock.advance(day - hour)
    await append(log)
    expect(files()).toEqual([1, 2, 3, 4])
    await clock.advance(hour)
    await append(log)
    expect(files()).toEqual([4, 5])
    expect(log.firstSequence).toBe(4)
    expect(await sequences(log)).toEqual([4, 5])
    await log.close()
    expect(await sequences(await open())).toEqual([4, 5])
  })

  it('lets go of what it has too much of', async () => {
    const log = await open({ bytes: 16_000 })
    search.lastingThrough = unlimited
    await append(log, 10)
    expect(log.kept().bytes).toBeLessThanOrEqual(16_000 + 5200)
    expect(keptFiles(log)).toEqual([7, 8, 9, 10])
    expect(await sequences(log)).toEqual([7, 8, 9, 10])
    await log.close()
  })

  it('keeps what a target is not done with, whatever its age and size', async () => {
    const log = await open({ timeMs: second, bytes: 1 })
    search.lastingThrough = 3
    await append(log, 6)
    await clock.advance(day)
    expect(files()[0]).toBe(4)
    expect((await sequences(log))[0]).toBe(4)
    cache.lastingThrough = 0
    search.lastingThrough = unlimited
    await clock.advance(day)
    expect(files()[0]).toBe(4)
    await log.close()
  })

  it('goes on as soon as the target does that it waited for', async () => {
    const log = await open({ timeMs: hour })
    await append(log, 4)
    await clock.advance(day)
    expect(files()).toEqual([1, 2, 3, 4])
    expect(clock.pendingTimers).toBe(0)
    search.lastingThrough = 2
    await clock.settle()
    expect(files()).toEqual([3, 4, 5])
    search.lastingThrough = 4
    await clock.advance(59 * second)
    expect(files()).toEqual([3, 4, 5])
    await clock.advance(second)
    expect(files()).toEqual([6])
    await log.close()
  })

  it('is emptied while nothing is written, by a single timer, and then has none', async () => {
    const log = await open({ timeMs: day })
    expect(clock.pendingTimers).toBe(0)
    search.lastingThrough = unlimited
    await append(log, 3)
    expect(clock.pendingTimers).toBe(1)
    await clock.advance(day)
    expect(files()).toEqual([4])
    expect(clock.pendingTimers).toBe(0)
    expect(log.firstSequence).toBe(4)
    expect(log.lastSequence).toBe(3)
    expect(await sequences(log)).toEqual([])
    await append(log)
    expect(await sequences(log)).toEqual([4])
    await log.close()
    expect(clock.pendingTimers).toBe(0)
  })

  it('knows its last sequence and its highest version when all of its records are gone', async () => {
    const log = await open({ timeMs: day })
    search.lastingThrough = unlimited
    await log.append([makeStoredRecord({ writtenAt: clock.now(), version: 77n })])
    await clock.advance(2 * day)
    await log.close()
    const next = await open({ timeMs: day }, { knownSynced: 1 })
    expect(files()).toEqual([2])
    expect([next.firstSequence, next.lastSequence, next.highestVersion]).toEqual([2, 1, 77n])
    await append(next)
    expect(await sequences(next)).toEqual([2])
    await next.close()
  })

  it('lets go at an open of what became too old while it was closed', async () => {
    const log = await open({ timeMs: day })
    search.lastingThrough = 2
    await append(log, 3)
    await log.close()
    await clock.advance(10 * day)
    const next = await open({ timeMs: day })
    expect(files()).toEqual([1, 2, 3])
    await clock.advance(60 * second)
    expect(files()).toEqual([3, 4])
    expect(await sequences(next)).toEqual([3])
    await next.close()
  })

  it('lets go of nothing before it is started', async () => {
    const log = await open({ timeMs: day })
    await append(log, 2)
    await log.close()
    await clock.advance(10 * day)
    search.lastingThrough = unlimited
    const next = await openLog(
      logOptions(disk, { clock, retention: { timeMs: 1, bytes: 1, targets: [], onHeld() {} } }),
    )
    await append(next)
    await clock.advance(day)
    expect(files()).toEqual([1, 2])
    await next.close()
  })

  it('keeps what a reader holds until it is released', async () => {
    const log = await open({ bytes: 1 })
    search.lastingThrough = unlimited
    await append(log, 2)
    const release = log.hold(2)
    const again = log.hold(3)
    await append(log, 3)
    expect(files()).toEqual([2, 3, 4, 5])
    expect(log.kept()).toMatchObject({ keptBy: 'reader', target: undefined })
    await clock.advance(day)
    release()
    release()
    await clock.settle()
    expect(files()).toEqual([3, 4, 5, 6])
    again()
    await clock.advance(day)
    expect(await sequences(log)).toEqual([])
    await log.close()
  })

  it('is not fooled for long by a clock that was ahead and was set back', async () => {
    const log = await open({ timeMs: day })
    search.lastingThrough = unlimited
    clock.stepWallClock(1000 * day)
    await append(log, 3)
    clock.stepWallClock(-1000 * day)
    await append(log)
    await clock.advance(day + hour)
    expect(await sequences(log)).toEqual([])
    await log.close()
  })

  it('sees by later segments that the clock was ahead, also after a restart', async () => {
    const log = await open({ timeMs: day })
    search.lastingThrough = 3
    clock.stepWallClock(1000 * day)
    await append(log, 3)
    clock.stepWallClock(-1000 * day)
    await append(log, 2)
    await log.close()
    await clock.advance(day - hour)
    const next = await open({ timeMs: day })
    await clock.advance(hour)
    expect(await sequences(next)).toEqual([4, 5])
    await next.close()
  })

  it('tells once that a target makes it grow past its bytes, until it is smaller again', async () => {
    const log = await open({ bytes: 16_000 })
    await append(log, 10)
    expect(held).toEqual([{ target: 'search', bytes: expect.any(Number) }])
    expect(held[0]?.bytes).toBeGreaterThan(16_000)
    search.lastingThrough = 10
    await clock.advance(day)
    expect(log.kept().bytes).toBeLessThanOrEqual(16_000)
    await append(log, 10)
    expect(held).toHaveLength(2)
    await log.close()
  })

  it('tells what is kept, and why', async () => {
    const log = await open({ timeMs: day })
    expect(log.kept()).toEqual({
      segments: 0,
      bytes: 0,
      spareBytes: 0,
      first: 1,
      last: 0,
      since: undefined,
      keptBy: 'retention',
      target: undefined,
    })
    const since = clock.now()
    await append(log, 2)
    await clock.advance(hour)
    await append(log)
    const bytes = disk.paths.reduce((sum, path) => sum + disk.bytesOf(path).length, 0)
    const kept = { segments: 3, bytes, spareBytes: 0, first: 1, last: 3, since }
    expect(log.kept()).toEqual({ ...kept, keptBy: 'retention', target: undefined })
    search.lastingThrough = 1
    await clock.advance(day)
    const behind = { keptBy: 'target', target: { name: 'search', behind: 2 } }
    expect(log.kept()).toMatchObject({ ...behind, first: 2, last: 3 })
    search.lastingThrough = 3
    await clock.advance(day)
    const nothing = { segments: 1, first: 4, last: 3, since: undefined, keptBy: 'retention' }
    expect(log.kept()).toMatchObject(nothing)
    await log.close()
  })

  it('reports a file that cannot be removed, and tries it again beside the next ones', async () => {
    const log = await open({ timeMs: hour })
    search.lastingThrough = unlimited
    await append(log, 2)
    disk.fault = ({ kind }) => (kind === 'remove' ? { fail: 'EACCES' } : undefined)
    await clock.advance(2 * hour)
    expect(errors).toMatchObject([{ code: 'ERR_DIRECTORY_DENIED' }])
    expect(files()).toEqual([1, 2, 3])
    expect(await sequences(log)).toEqual([])
    disk.fault = () => undefined
    await append(log)
    await clock.advance(2 * hour)
    expect(files()).toEqual([4])
    await log.close()
  })

  it('tries again later where it cannot make a segment to let others go', async () => {
    const log = await open({ timeMs: hour })
    search.lastingThrough = unlimited
    await append(log, 2)
    disk.fault = ({ kind }) => (kind === 'create' ? { fail: 'ENOSPC' } : undefined)
    await clock.advance(2 * hour)
    expect(errors[0]).toMatchObject({ code: 'ERR_DISK_FULL' })
    expect(files()).toEqual([1, 2])
    disk.fault = () => undefined
    await clock.advance(hour)
    expect(await sequences(log)).toEqual([])
    await log.close()
  })

  it('removes nothing once the directory is lost', async () => {
    let loss: WalError | undefined
    const log = await open({ timeMs: hour }, { ownershipLoss: () => loss })
    search.lastingThrough = unlimited
    await append(log, 3)
    loss = { code: 'ERR_OWNERSHIP_LOST' } as WalError
    const calls = disk.calls()
    await clock.advance(day)
    expect(disk.calls()).toBe(calls)
    await log.abandon(loss)
    expect(files()).toEqual([1, 2, 3])
  })

  it('writes on while it makes a segment to let others go', async () => {
    const log = await open({ timeMs: hour })
    search.lastingThrough = unlimited
    await append(log, 2)
    clock.stepWallClock(2 * hour)
    const appends: Promise<unknown>[] = []
    disk.fault = ({ kind }) => {
      if (kind === 'create' && appends.length === 0) appends.push(append(log), append(log))
      return undefined
    }
    await clock.advance(hour)
    disk.fault = () => undefined
    await Promise.all(appends)
    expect(appends).toHaveLength(2)
    expect(await sequences(log)).toEqual([3, 4])
    await log.close()
    expect(await sequences(await open())).toEqual([3, 4])
  })
})
