import { describe, expect, it, onTestFinished } from 'vitest'
import {
  createWal,
  fanOut,
  fileQueue,
  memoryQueue,
  type NamespaceOptions,
  type QueueContext,
  type RetentionAtRiskEvent,
  type RetentionHeldEvent,
  type Target,
  type,
} from '../src/index.ts'
import { temporaryDirectory } from './queue/file/support/temporary-directory.ts'

const quick: Target = { idempotency: 'version', async apply() {} }
const stuck: Target = { idempotency: 'version', apply: () => new Promise(() => {}) }

async function openWal(options: Partial<NamespaceOptions> = {}) {
  const wal = await createWal({
    directory: await temporaryDirectory(),
    namespaces: {
      films: fanOut({
        payload: type<unknown>(),
        queue: fileQueue({ segmentBytes: 10_000 }),
        targets: { stuck, quick },
        ...options,
      }),
    },
  })
  onTestFinished(() => wal.close({ timeout: 1 }))
  return wal
}

describe('the retention of a namespace', () => {
  it('is told by status and by an event where a target makes the log outgrow it', async () => {
    const wal = await openWal({ retention: { bytes: '20kb' } })
    const events: RetentionHeldEvent[] = []
    wal.on('retentionHeld', (event) => events.push(event))
    await wal.start()
    for (let film = 0; film < 5; film++) {
      await wal.write('films', { key: `film ${film}`, payload: 'x'.repeat(6000) })
    }
    await expect.poll(() => events).toHaveLength(1)
    expect(events).toEqual([{ namespace: 'films', target: 'stuck', bytes: expect.any(Number) }])
    expect(events[0]?.bytes).toBeGreaterThan(20_480)
    const { films } = (await wal.status()).namespaces
    expect(films.kept).toMatchObject({
      first: 1,
      last: 5,
      segments: 5,
      keptBy: 'target',
      target: { name: 'stuck', behind: 5 },
    })
  })

  it('is told by an event where a queue may remove what a target is not done with', async () => {
    const risk = { target: 'stuck', waitedMs: 5_000, retentionMs: 10_000 }
    const queue = memoryQueue()
    const open = queue.open.bind(queue)
    const contexts: QueueContext[] = []
    queue.open = (context) => {
      contexts.push(context)
      return open(context)
    }
    const wal = await openWal({ queue })
    const events: RetentionAtRiskEvent[] = []
    wal.on('retentionAtRisk', (event) => events.push(event))
    contexts[0]?.retentionAtRisk?.(risk)
    expect(events).toEqual([{ namespace: 'films', ...risk }])
  })

  it('is what keeps a log that every target is done with', async () => {
    const wal = await openWal({ targets: { quick } })
    await wal.start()
    await wal.write('films', { key: 'Rope', payload: 1948 })
    await wal.drain()
    expect((await wal.namespace('films').status()).kept).toMatchObject({
      first: 1,
      last: 1,
      keptBy: 'retention',
      target: undefined,
    })
  })

  it('cannot be told of a queue that does not say what it keeps', async () => {
    const wal = await openWal({ queue: memoryQueue() })
    expect((await wal.namespace('films').status()).kept).toBeUndefined()
  })
})
