import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noAttempts } from '../../../src/consumer/consumer.ts'
import { highestOfCursor } from '../../../src/queue/file/cursor-highest.ts'
import { nodeFileSystem } from '../../../src/queue/file/node-file-system.ts'
import {
  ackAll,
  changeDirectory,
  clock,
  directory,
  disk,
  doneUpTo,
  errors,
  failedOnce,
  open,
  openAfterKill,
  seed,
} from './support/cursor-setup.ts'
import { type DiskCall, diskFailure } from './support/hooked-file-system.ts'

describe('Cursor', () => {
  it('begins with nothing done', async () => {
    const cursor = await open()
    expect(cursor.through).toBe(0)
    expect(cursor.highest).toBe(0)
    expect(cursor.isDone(1)).toBe(false)
    expect(cursor.attemptsOf(1)).toBeUndefined()
    await cursor.close()
  })

  it('remembers over a restart what was acked, in any order', async () => {
    const cursor = await open()
    ackAll(cursor, 1, 2, 3, 7, 5)
    await cursor.close()
    const again = await open()
    expect([again.through, again.highest]).toEqual([3, 7])
    expect([4, 5, 6, 7, 8].map((sequence) => again.isDone(sequence))).toEqual([
      false,
      true,
      false,
      true,
      false,
    ])
    expect(again.countMissing(10)).toBe(5)
    expect(again.done().nextMissing(5)).toBe(6)
    await again.close()
    expect(await highestOfCursor(nodeFileSystem, join(directory, 'search.cursor'))).toBe(7)
  })

  it('is equal to a plain set through acks, kills and closes', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ ack: fc.array(fc.integer({ min: 1, max: 60 })) }) },
      { weight: 1, arbitrary: fc.constant('kill' as const) },
      { weight: 1, arbitrary: fc.constant('close' as const) },
    )
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await changeDirectory()
      const model = new Set<number>()
      let cursor = await open()
      for (const each of steps) {
        if (typeof each === 'object') {
          ackAll(cursor, ...each.ack)
          for (const sequence of each.ack) model.add(sequence)
          await cursor.write()
        } else {
          await (each === 'kill' ? cursor.abandon() : cursor.close())
          cursor = await open()
        }
        expect(doneUpTo(61, cursor)).toEqual([...model].sort((a, b) => a - b))
      }
      await cursor.close()
    })
    await fc.assert(property, { seed, numRuns: 25 })
    expect(errors).toEqual([])
  })

  it('keeps attempts until the record is acked', async () => {
    const cursor = await open()
    cursor.save(4, failedOnce)
    cursor.save(5, failedOnce)
    cursor.save(5, { ...failedOnce, spent: 2 })
    cursor.save(6, failedOnce)
    cursor.save(6, noAttempts)
    cursor.ack(4)
    await cursor.write()
    const again = await openAfterKill()
    expect([4, 5, 6].map((sequence) => again.attemptsOf(sequence))).toEqual([
      undefined,
      { ...failedOnce, spent: 2 },
      undefined,
    ])
    await again.close()
    await cursor.close()
  })

  it('counts an attempt that was under way when the process was killed, once', async () => {
    const cursor = await open()
    const at = clock.now()
    for (const sequence of [1, 2, 3, 4]) cursor.begin(sequence, at)
    cursor.save(2, failedOnce)
    cursor.begin(2, at)
    cursor.ack(3)
    cursor.save(4, failedOnce)
    await cursor.write()
    const again = await openAfterKill()
    const interruption = {
      at,
      durationMs: 0,
      target: 'search',
      class: 'interrupted',
      code: 'ERR_INTERRUPTED',
    }
    expect(again.attemptsOf(1)).toMatchObject({ spent: 1, interrupted: 1, history: [interruption] })
    expect(again.attemptsOf(2)).toMatchObject({
      spent: 2,
      interrupted: 1,
      notBefore: 77,
      history: [failedOnce.history[0], interruption],
    })
    expect(again.attemptsOf(3)).toBeUndefined()
    expect(again.attemptsOf(4)).toEqual(failedOnce)
    await again.close()
    await cursor.close()
  })

  it('does not count it again when the next process is killed before it tried', async () => {
    const cursor = await open()
    cursor.begin(1, 5)
    await cursor.write()
    await cursor.abandon()
    await (await open()).abandon()
    const third = await open()
    expect(third.attemptsOf(1)).toMatchObject({ spent: 1, interrupted: 1 })
    await third.close()
  })

  it('counts nothing for attempts that a clean end cut short', async () => {
    const cursor = await open()
    cursor.save(2, failedOnce)
    cursor.begin(1, 5)
    cursor.begin(2, 5)
    cursor.endAll()
    await cursor.close()
    const again = await open()
    expect([again.attemptsOf(1), again.attemptsOf(2)]).toEqual([undefined, failedOnce])
    await again.close()
  })

  it('writes what came up meanwhile in one go, and syncs about once a second', async () => {
    const cursor = await open()
    const calls: string[] = []
    disk.hook = (call) => void calls.push(call)
    for (let sequence = 1; sequence <= 1000; sequence++) {
      cursor.ack(sequence)
      void cursor.write()
    }
    await cursor.write()
    expect(calls).toEqual(['write'])
    await clock.advance(990)
    expect(calls).toEqual(['write'])
    await clock.advance(20)
    await cursor.write()
    await expect.poll(() => calls).toEqual(['write', 'sync'])
    await clock.advance(60_000)
    expect(calls).toEqual(['write', 'sync'])
    expect(clock.pendingTimers).toBe(0)
    await cursor.close()
  })

  it('keeps its file small under many acks', async () => {
    const cursor = await open()
    for (let round = 0; round < 200; round++) {
      for (let at = 0; at < 10_000; at++) {
        // In disorder, so that each takes some bytes.
        cursor.ack(round * 10_000 + 1 + ((at * 7919) % 10_000))
        if (at % 500 === 499) await cursor.write()
      }
    }
    await cursor.close()
    const { size } = await stat(join(directory, 'search.cursor'))
    expect(size).toBeLessThan(5 << 20)
    const again = await open()
    expect(again.through).toBe(2_000_000)
    await again.close()
    expect(await readdir(directory)).toEqual(['search.cursor'])
  })

  it('counts a record of a run that is done with once, also where its file is written anew', async () => {
    const cursor = await open({ slackBytes: 200 })
    cursor.reschedule((to) => to.runAdded(1, 7))
    await cursor.write()
    let told = 0
    let rewrites = 0
    const tell = (call: DiskCall): void => {
      told++
      cursor.ack(told * 2)
      cursor.reschedule((to) => to.gone(1, 3, 1))
      if (call === 'create') rewrites++
    }
    for (let turn = 0; turn < 60; turn++) {
      disk.hook = tell
      tell('write')
      await cursor.write()
      await cursor.sync()
      disk.hook = () => {}
      await cursor.sync()
      expect(cursor.runs.get(1)?.gone.get(3)).toBe(told)
      const found = await openAfterKill()
      expect(found.runs.get(1)?.gone.get(3)).toBe(told)
      await found.close()
    }
    expect(rewrites).toBeGreaterThan(2)
    await cursor.close()
  })

  it('loses nothing where its file cannot be written anew, and counts it once', async () => {
    const cursor = await open({ slackBytes: 100 })
    cursor.reschedule((to) => to.runAdded(1, 7))
    let told = 0
    disk.hook = (call, path) => {
      if (path.endsWith('.new') && call === 'create') throw diskFailure('ENOSPC', call)
      if (call !== 'write') return
      told++
      cursor.reschedule((to) => to.gone(1, 3, 1))
    }
    for (let turn = 0; turn < 40; turn++) {
      cursor.ack(turn * 2)
      await cursor.sync()
      await clock.advance(600)
    }
    expect(errors[0]?.code).toBe('ERR_DISK_FULL')
    disk.hook = () => {}
    await cursor.close()
    const found = await openAfterKill()
    expect(found.runs.get(1)?.gone.get(3)).toBe(told)
    expect(found.isDone(78)).toBe(true)
    await found.close()
  })

  it('skips to where the log begins', async () => {
    const cursor = await open()
    ackAll(cursor, 2, 12)
    cursor.begin(5, 1)
    cursor.save(6, failedOnce)
    cursor.skipTo(10)
    cursor.skipTo(3)
    await cursor.write()
    const again = await openAfterKill()
    expect([again.through, again.highest, again.attemptsOf(5), again.attemptsOf(6)]).toEqual([
      10,
      12,
      undefined,
      undefined,
    ])
    await again.close()
    await cursor.close()
  })
})
