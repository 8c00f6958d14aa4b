import { describe, expect, it } from 'vitest'
import {
  createWal,
  fanOut,
  memoryQueue,
  permanent,
  type StoredRecord,
  WalError,
} from '../../src/index.ts'
import { faultyQueue, type SendFault } from '../../src/testing/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

/** A wal with so many letters, in whose queue sends of redriven records come to what is scripted. */
async function withLetters(count: number, script: (SendFault | undefined)[]) {
  const clock = new VirtualClock()
  /** When each redriven record was sent, in ms since the first. */
  const sends: number[] = []
  let firstAt: number | undefined
  const send = ({ attemptEpoch }: StoredRecord): SendFault | undefined => {
    if (attemptEpoch === 0) return undefined
    firstAt ??= clock.monotonic()
    sends.push(clock.monotonic() - firstAt)
    return script.shift()
  }
  const wal = await createWal({
    clock,
    namespaces: {
      visits: fanOut({
        queue: faultyQueue(memoryQueue(), { send }),
        targets: {
          target: {
            idempotency: 'version',
            apply: async (records) => records.map(() => permanent('NO', 'never')),
          },
        },
      }),
    },
  })
  const { deadLetters } = wal.namespace('visits')
  await wal.write('visits', { key: 'first', payload: 1 })
  for (let i = 1; i < count; i++) await wal.write('visits', { key: `k${i}`, payload: 1 })
  await wal.start()
  await clock.runUntil(wal.drain())
  return { wal, clock, letters: deadLetters, sends }
}

describe('a redrive whose send fails', () => {
  it('is tried three times in all, by the clock it was given, and then reported', async () => {
    const { wal, clock, letters, sends } = await withLetters(1, ['refuse', 'refuse', 'refuse'])
    const report = await clock.runUntil(letters.redrive('all'))
    expect(sends).toEqual([0, 50, 150])
    expect(report).toMatchObject({ redriven: [], failed: [{ error: { code: 'ERR_NOT_DURABLE' } }] })
    expect(await letters.count()).toEqual(new Map([['target', 1]]))
    await clock.runUntil(wal.close())
  })

  it('goes through at the third try', async () => {
    const { wal, clock, letters, sends } = await withLetters(1, ['refuse', 'refuse'])
    expect(await clock.runUntil(letters.redrive('all'))).toMatchObject({ failed: [] })
    expect(sends).toHaveLength(3)
    await clock.runUntil(wal.close())
  })

  it('is not repeated where it may have been stored', async () => {
    const { wal, clock, letters, sends } = await withLetters(1, ['land'])
    expect(await clock.runUntil(letters.redrive('all'))).toMatchObject({ redriven: [] })
    expect(sends).toHaveLength(1)
    await clock.runUntil(wal.close())
  })

  it('is not waited for once its signal has aborted', async () => {
    const { wal, clock, letters, sends } = await withLetters(2, ['refuse', 'refuse'])
    const stop = new AbortController()
    const redriven = letters.redrive('all', { signal: stop.signal })
    await clock.settle()
    stop.abort()
    // Nothing moves the clock: a wait would never end.
    expect(await redriven).toMatchObject({
      redriven: [],
      failed: [{ error: expect.any(WalError) }],
    })
    expect(sends).toEqual([0])
    expect(await letters.count()).toEqual(new Map([['target', 2]]))
    await clock.runUntil(wal.close())
  })
})

describe('a redrive that is aborted', () => {
  it('ends after the letter at hand', async () => {
    const { wal, clock, letters, sends } = await withLetters(5, [])
    const stop = new AbortController()
    let edits = 0
    const edit = () => {
      if (++edits === 2) stop.abort()
      return undefined
    }
    const report = await letters.redrive('all', { edit, signal: stop.signal })
    expect(report.redriven).toHaveLength(2)
    expect([edits, sends.length]).toEqual([2, 2])
    await clock.runUntil(wal.close())
  })

  it('before it begins touches nothing', async () => {
    const { wal, clock, letters, sends } = await withLetters(2, [])
    const report = await letters.redrive('all', { signal: AbortSignal.abort() })
    expect(report).toEqual({ redriven: [], failed: [] })
    expect(sends).toEqual([])
    await clock.runUntil(wal.close())
  })
})
