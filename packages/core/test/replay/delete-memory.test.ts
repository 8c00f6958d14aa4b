import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWal, fanOut, fileQueue, type Target, type } from '../../src/index.ts'
import { faultyTarget, recordingTarget, VirtualClock } from '../../src/testing/index.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import type { Row } from '../testing/versioned-store.ts'

const hourMs = 3_600_000

let clock: VirtualClock
const open: Awaited<ReturnType<typeof openWal>>[] = []

beforeEach(() => {
  clock = new VirtualClock()
})

afterEach(async () => {
  for (const wal of open.splice(0)) await wal.close()
})

async function openWal(store: Target<Row>) {
  return createWal({
    clock,
    namespaces: {
      titles: fanOut({
        payload: type<Row>(),
        queue: fileQueue({ directory: await temporaryDirectory() }),
        targets: { store },
      }),
    },
  })
}

/** A wal over a store that remembers its deletes for so long. */
async function walOver(remembersDeletesMs: Target<Row>['remembersDeletesMs']) {
  const store = recordingTarget<Row>({
    idempotency: 'version',
    ...(remembersDeletesMs && { remembersDeletesMs }),
  })
  const wal = await openWal(store)
  open.push(wal)
  const write = (key: string) => wal.write('titles', { key, payload: { title: key } })
  return { wal, write, store }
}

describe('a replay to a target that forgets its deletes', () => {
  it('is refused for a record older than that, with nothing sent', async () => {
    const { wal, write } = await walOver(() => hourMs)
    const { id } = await write('a')
    clock.stepWallClock(hourMs + 1_000)
    const from = clock.now()
    await write('b')
    await expect(wal.replay('titles', { target: 'store' })).rejects.toMatchObject({
      code: 'ERR_REPLAY_TOO_OLD',
      message: expect.stringContaining(id),
    })
    const { pending } = (await wal.status()).namespaces.titles.targets.store
    expect(pending).toBe(2)
    expect(await wal.replay('titles', { target: 'store', from })).toMatchObject({ sent: 1 })
  })

  it('goes ahead where that is forced, and where new versions are above every delete', async () => {
    const { wal, write } = await walOver(async () => hourMs)
    await write('a')
    clock.stepWallClock(2 * hourMs)
    for (const way of [{ force: true }, { restamp: true }, { dryRun: true }]) {
      expect(await wal.replay('titles', { target: 'store', ...way })).toMatchObject({ sent: 1 })
    }
  })

  it('looks at neither deletes nor what is left out', async () => {
    const { wal, write } = await walOver(() => hourMs)
    const { id } = await write('a')
    await wal.delete('titles', { key: 'a' })
    clock.stepWallClock(2 * hourMs)
    const omit = (record: { id: string }) => record.id === id
    const report = await wal.replay('titles', { target: 'store', omit })
    expect(report).toMatchObject({ sent: 1, omitted: 1 })
  })

  it('ends at a record that has grown too old on the way, and says how far it came', async () => {
    const { wal, write } = await walOver(() => hourMs)
    await write('old')
    for (let at = 0; at < 600; at++) void write(`k${at}`)
    await write('last')
    const replay = wal.replay('titles', {
      target: 'store',
      onProgress: () => clock.stepWallClock(2 * hourMs),
    })
    await expect(replay).rejects.toMatchObject({
      code: 'ERR_REPLAY_FAILED',
      cause: { code: 'ERR_REPLAY_TOO_OLD' },
      report: { sent: 500, complete: false },
    })
  })

  it('sends everything to one that remembers for good', async () => {
    for (const remembers of [undefined, () => undefined, () => Number.POSITIVE_INFINITY]) {
      const { wal, write } = await walOver(remembers)
      await write('a')
      clock.stepWallClock(10_000 * hourMs)
      const from = clock.now() - 20_000 * hourMs
      expect(await wal.replay('titles', { target: 'store', from })).toMatchObject({ sent: 1 })
    }
  })

  it('is refused where the target cannot say, unless forced', async () => {
    for (const [answer, retryable] of [
      [() => Promise.reject(new Error('no host')), true],
      [() => Number.NaN, true],
      [() => -1, true],
    ] as const) {
      const { wal, write } = await walOver(answer)
      await write('a')
      await expect(wal.replay('titles', { target: 'store' })).rejects.toMatchObject({
        code: 'ERR_UNAVAILABLE',
        retryable,
      })
      expect(await wal.replay('titles', { target: 'store', force: true })).toMatchObject({
        sent: 1,
      })
    }
  })

  it('asks a target also through the faults that tests put before it', async () => {
    const store = recordingTarget<Row>({ idempotency: 'version', remembersDeletesMs: () => hourMs })
    const wal = await openWal(faultyTarget(store, {}))
    open.push(wal)
    await wal.write('titles', { key: 'a', payload: { title: 'a' } })
    clock.stepWallClock(2 * hourMs)
    await expect(wal.replay('titles', { target: 'store' })).rejects.toMatchObject({
      code: 'ERR_REPLAY_TOO_OLD',
    })
  })
})
