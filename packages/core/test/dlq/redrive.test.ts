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

describe('a redrive at a rate', () => {
  it('puts back no more letters a second than that, and tells how far it is', async () => {
    const { wal, clock, letters, sends } = await withLetters(5, [undefined, 'land'])
    const progress: unknown[] = []
    const rate = { perSecond: 2 }
    const report = await clock.runUntil(
      letters.redrive('all', { rate, onProgress: (at) => progress.push(at) }),
    )
    expect(sends).toEqual([0, 500, 1000, 1500, 2000])
    expect([report.redriven.length, report.failed.length]).toEqual([4, 1])
    expect(progress).toEqual([
      { redriven: 1, failed: 0 },
      { redriven: 1, failed: 1 },
      { redriven: 2, failed: 1 },
      { redriven: 3, failed: 1 },
      { redriven: 4, failed: 1 },
    ])
    await clock.runUntil(wal.close())
  })

  it('leaves alone what was discarded while it waited', async () => {
    const { wal, clock, letters, sends } = await withLetters(3, [])
    const [, second] = (await letters.list()).letters
    const redriven = letters.redrive('all', { rate: { perSecond: 1 } })
    await clock.settle()
    expect(await letters.discard({ ids: [String(second?.id)] })).toBe(1)
    expect(await clock.runUntil(redriven)).toMatchObject({
      redriven: [expect.any(String), expect.any(String)],
      failed: [{ id: second?.id, error: { code: 'ERR_DEAD_LETTER_NOT_FOUND' } }],
    })
    expect(sends).toHaveLength(2)
    await clock.runUntil(wal.close())
  })

  it('does not wait in a dry run', async () => {
    const { wal, clock, letters, sends } = await withLetters(3, [])
    const report = await letters.redrive('all', { rate: { perSecond: 0.001 }, dryRun: true })
    expect([report.redriven.length, sends.length]).toEqual([3, 0])
    await clock.runUntil(wal.close())
  })

  it.each<[string, (stop: AbortController, wal: { close(): Promise<void> }) => unknown]>([
    ['its signal aborts', (stop) => stop.abort()],
    ['the wal is closed', (_, wal) => wal.close()],
  ])('ends in the midst of a wait once %s', async (_, end) => {
    const { wal, clock, letters, sends } = await withLetters(3, [])
    const stop = new AbortController()
    const redriven = letters.redrive('all', { rate: { perSecond: 0.001 }, signal: stop.signal })
    await clock.settle()
    const ended = end(stop, wal)
    // Nothing moves the clock: a wait would never end.
    expect(await redriven).toMatchObject({ redriven: [expect.any(String)], failed: [] })
    expect(sends).toEqual([0])
    await ended
    await clock.runUntil(wal.close())
  })

  it.each([{ perSecond: 0 }, { perSecond: '5' }, { perSecond: 5, burst: 1 }, 5])(
    'that is none is refused, and nothing is redriven: %j',
    async (rate) => {
      const { wal, clock, letters, sends } = await withLetters(1, [])
      await expect(letters.redrive('all', { rate: rate as never })).rejects.toMatchObject({
        code: 'ERR_INVALID_SELECTION',
      })
      expect(sends).toEqual([])
      await clock.runUntil(wal.close())
    },
  )
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
