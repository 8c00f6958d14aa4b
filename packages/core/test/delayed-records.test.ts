import { beforeEach, describe, expect, it } from 'vitest'
import {
  createWal,
  fanOut,
  fileQueue,
  memoryQueue,
  type Queue,
  type,
  unavailable,
} from '../src/index.ts'
import { type RecordingTarget, recordingTarget } from '../src/testing/recording-target.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'
import { temporaryDirectory } from './queue/file/support/temporary-directory.ts'
import { modestQueue } from './testing/modest-queue.ts'

const minuteMs = 60_000

interface Film {
  readonly title: string
}

let clock: VirtualClock
let search: RecordingTarget<Film>
let database: RecordingTarget<Film>

beforeEach(() => {
  clock = new VirtualClock()
  search = recordingTarget<Film>({ idempotency: 'version' })
  database = recordingTarget<Film>({ idempotency: 'version' })
})

function open(queue: Queue) {
  return createWal({
    clock,
    namespaces: {
      films: fanOut({ payload: type<Film>(), queue, targets: { search, database } }),
    },
  })
}

type FilmsWal = Awaited<ReturnType<typeof open>>

function write(wal: FilmsWal, title: string, delay: number) {
  return wal.write('films', { key: 'k', payload: { title }, delay })
}

/** What was applied by the time that a record written now, without a delay, has been. */
async function appliedNow(wal: FilmsWal, target = search): Promise<readonly string[]> {
  const count = target.applied.length
  await write(wal, 'now', 0)
  await target.waitFor(count + 1)
  for (; target.applied.at(-1)?.payload?.title !== 'now'; ) {
    await target.waitFor(target.applied.length + 1)
  }
  return titlesOf(target)
}

/** Lets time go by until a target has applied something: the disk takes its own time. */
async function untilApplied(target: RecordingTarget<Film>): Promise<void> {
  while (target.applied.length === 0) await clock.advance(1000)
}

function titlesOf({ applied }: RecordingTarget<Film>): readonly string[] {
  return applied.map(({ payload }) => (payload as Film).title).filter((title) => title !== 'now')
}

const queues: readonly [string, () => Promise<Queue>][] = [
  ['memory queue', async () => memoryQueue()],
  [
    'file queue',
    async () => fileQueue({ directory: await temporaryDirectory(), scheduleRecords: 2 }),
  ],
]

describe.each(queues)('cancel and reschedule, on a %s', (kind, newQueue) => {
  it(`take a record back at every target, on a ${kind}`, async () => {
    await using wal = await open(await newQueue())
    const kept = await write(wal, 'kept', minuteMs)
    const { id } = await write(wal, 'gone', minuteMs)
    expect(await wal.cancel('films', id)).toEqual({ search: 'cancelled', database: 'cancelled' })
    expect(await wal.cancel('films', id)).toEqual({ search: 'unknown', database: 'unknown' })
    await wal.start()
    expect((await wal.status()).namespaces.films.targets.search.delivery).toMatchObject({
      pending: 0,
      delayed: 1,
    })
    await untilApplied(search)
    await untilApplied(database)
    expect(await appliedNow(wal)).toEqual(['kept'])
    expect(await wal.cancel('films', kept.id)).toEqual({ search: 'unknown', database: 'unknown' })
  })

  it(`let a drain end that waits for what is cancelled, on a ${kind}`, async () => {
    await using wal = await open(await newQueue())
    await wal.start()
    const { id } = await write(wal, 'gone', minuteMs)
    const drained = wal.drain({ includeDelayed: true })
    await wal.cancel('films', id)
    const report = await clock.runUntil(drained, { withinMs: minuteMs / 2 })
    expect(report.films.search).toMatchObject({ applied: 0, pending: 0 })
  })

  it(`give a record a later time, and it keeps its id and version, on a ${kind}`, async () => {
    await using wal = await open(await newQueue())
    await wal.start()
    const { id, version } = await write(wal, 'moved', minuteMs)
    const all = { search: 'rescheduled', database: 'rescheduled' }
    expect(await wal.reschedule('films', id, { delay: 10 * minuteMs })).toEqual(all)
    await clock.advance(9 * minuteMs)
    expect(await appliedNow(wal)).toEqual([])
    await clock.advance(minuteMs)
    expect(await appliedNow(wal)).toEqual(['moved'])
    expect(await appliedNow(wal, database)).toEqual(['moved'])
    const moved = search.applied.find(({ payload }) => payload?.title === 'moved')
    expect([moved?.id, moved?.version]).toEqual([id, version])
  })

  it(`give a record a sooner time, twice, and at once, on a ${kind}`, async () => {
    await using wal = await open(await newQueue())
    await wal.start()
    const { id } = await write(wal, 'moved', 10 * minuteMs)
    await wal.reschedule('films', id, { at: clock.now() + 5 * minuteMs })
    await wal.reschedule('films', id, { at: new Date(clock.now() + 2 * minuteMs) })
    await clock.advance(minuteMs)
    expect(await appliedNow(wal)).toEqual([])
    await wal.reschedule('films', id, { delay: 0 })
    expect(await appliedNow(wal)).toEqual(['moved'])
    await clock.advance(10 * minuteMs)
    expect(await appliedNow(wal)).toEqual(['moved'])
  })

  it(`say where it is too late, on a ${kind}`, async () => {
    const down = recordingTarget<Film>({
      idempotency: 'version',
      answer: () => unavailable('DOWN', 'gone'),
    })
    search = down
    await using wal = await open(await newQueue())
    await wal.start()
    const { id } = await write(wal, 'late', minuteMs)
    await untilApplied(database)
    while (down.batches.length === 0) await clock.advance(1000)
    const late = { search: 'tooLate', database: 'unknown' }
    expect(await wal.cancel('films', id)).toEqual(late)
    expect(await wal.reschedule('films', id, { delay: 5 })).toEqual(late)
    await wal.close({ timeout: 0 })
  })

  it(`hand out a record once, whatever calls name it at the same time, on a ${kind}`, async () => {
    await using wal = await open(await newQueue())
    await wal.start()
    const { id } = await write(wal, 'moved', minuteMs)
    const calls = [1, 2, 3].map((delay) => wal.reschedule('films', id, { delay: delay * 1000 }))
    await Promise.all(calls)
    await clock.advance(minuteMs)
    expect(await appliedNow(wal)).toEqual(['moved'])
  })

  it(`refuse what is no id and no time, and keep the record's own, on a ${kind}`, async () => {
    await using wal = await open(await newQueue())
    await wal.start()
    const { id } = await write(wal, 'kept', minuteMs)
    const films = wal.namespace('films')
    await expect(films.cancel('')).rejects.toMatchObject({ code: 'ERR_INVALID_RECORD' })
    for (const [time, code] of [
      [undefined, 'ERR_INVALID_RECORD'],
      [{}, 'ERR_INVALID_RECORD'],
      [{ delay: 1, at: 1 }, 'ERR_INVALID_RECORD'],
      [{ delay: 'soon' }, 'ERR_INVALID_DELAY'],
      [{ delay: '400d' }, 'ERR_INVALID_DELAY'],
      [{ at: 'noon' }, 'ERR_INVALID_DELAY'],
    ] as const) {
      await expect(films.reschedule(id, time as never)).rejects.toMatchObject({ code })
    }
    await clock.advance(minuteMs)
    expect(await appliedNow(wal)).toEqual(['kept'])
    await wal.close()
    await expect(films.cancel(id)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(films.reschedule(id, { delay: 1 })).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})

describe('cancel and reschedule', () => {
  it('reach only the targets at which the record waits still', async () => {
    const directory = await temporaryDirectory()
    const only = await createWal({
      clock,
      namespaces: {
        films: fanOut({
          payload: type<Film>(),
          queue: fileQueue({ directory }),
          targets: { search },
        }),
      },
    })
    const { id } = await only.write('films', {
      key: 'k',
      payload: { title: 'moved' },
      delay: minuteMs,
    })
    await only.start()
    await untilApplied(search)
    await only.close()
    // The second target is new, and has all of the log before it.
    await using wal = await open(fileQueue({ directory }))
    const moved = await wal.reschedule('films', id, { delay: minuteMs })
    expect(moved).toEqual({ search: 'unknown', database: 'rescheduled' })
    await wal.start()
    expect(await appliedNow(wal, database)).toEqual([])
    await clock.advance(minuteMs)
    expect(await appliedNow(wal, database)).toEqual(['moved'])
    expect(await appliedNow(wal)).toEqual(['moved'])
  })

  it('are refused by name where the queue cannot', async () => {
    await using wal = await createWal({
      namespaces: {
        films: {
          queue: modestQueue(),
          order: 'none',
          deadLetters: 'off',
          targets: { first: search },
        },
      },
    })
    const refusal = { code: 'ERR_NOT_SUPPORTED', message: expect.stringContaining('modest queue') }
    await expect(wal.cancel('films', 'x')).rejects.toMatchObject(refusal)
    await expect(wal.reschedule('films', 'x', { delay: 1 })).rejects.toMatchObject(refusal)
  })
})
