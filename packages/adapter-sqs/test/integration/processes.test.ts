// needs: sqs

import { createWal, fanOut, type Target, type } from '@daybook/core'
import { type Identified, recordingTarget } from '@daybook/core/testing'
import type { Service } from '@daybook/services'
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest'
import { type SqsQueueOptions, sqsQueue } from '../../src/index.ts'
import { ConsumerProcesses, ended, overlapsOf } from '../support/consumer-processes.ts'
import { memoryServer } from '../support/memory-server.ts'
import { connect, createQueue, disconnectAll, writeSurely } from '../support/server-queues.ts'
import { expectWhole } from '../support/watchful-target.ts'

let sqs: Service

beforeAll(async () => {
  sqs = await memoryServer()
  await sqs.reset()
})
afterAll(disconnectAll)

/** They end with the test. */
function consumers({ onTestFinished }: TestContext): ConsumerProcesses {
  const processes = new ConsumerProcesses(sqs.address)
  onTestFinished(() => processes.end())
  return processes
}

const make = (name: string): Promise<string> => createQueue(sqs.address, name)
/** Written while those before are applied: more would only wait in the queue. */
const mostBehind = 600
const guarded = { idempotency: 'id' } as const

/** A wal in this process, which consumes only once it is started. */
function open(
  queue: Omit<SqsQueueOptions, 'client'>,
  targets: Record<string, Target<number>>,
  order: 'key' | 'none' = 'key',
) {
  const quick = { waitMs: 1_000 }
  return createWal({
    namespaces: {
      faults: fanOut({
        ...{ payload: type<number>(), deadLetters: 'off', targets, order },
        queue: sqsQueue({ client: connect(sqs.address), ...quick, ...queue }),
      }),
    },
  })
}

test.concurrent.for(['shared', 'shared.fifo'])(
  'consumers of the queue %s that join, leave and are killed under load apply thousands of records, and of a key one at a time where it keeps an order',
  async (name, context) => {
    const isFifo = name.endsWith('.fifo')
    const least = isFifo ? 1_000 : 1_500
    const processes = consumers(context)
    const queueUrl = await make(name)
    const target = recordingTarget<number>(guarded)
    const writer = await open({ queueUrl }, { target }, isFifo ? 'key' : 'none')
    const written: Identified[] = []
    let isEnough = false
    const writing = (async () => {
      while (!isEnough || written.length < least) {
        const from = written.length
        written.push(...(await writeSurely(writer, from, from + 300, { keys: 50 })))
        await processes.until(written.length - mostBehind)
      }
    })()
    const join = () => processes.start({ queueUrl })
    const first = await join()
    await processes.until(300)
    const others = await Promise.all([join(), join()])
    // Whoever joins has its share, however much the others hold.
    await processes.untilAll(others)
    first.kill('SIGTERM')
    await ended(first)
    // The one that is at it.
    const last = processes.applied.at(-1)?.pid
    others.find(({ pid }) => pid === last)?.kill('SIGKILL')
    await processes.untilAll([await join()])
    isEnough = true
    await writing
    await processes.until(written.length)
    // What two processes say may arrive in another order than that in which it happened.
    const applied = processes.applied.toSorted((a, b) => a.begin - b.begin)
    expectWhole(written, { applied, overlaps: overlapsOf(applied).length }, { isFifo })
    await writer.close()
  },
)

test.concurrent('each target of a fan-out gets every record in order through its own queue, whatever the other does', async () => {
  const queueUrl = await make('titles.fifo')
  const targetQueueUrls = { quick: await make('quick.fifo'), slow: await make('slow.fifo') }
  let letGo = (): void => {}
  const isFree = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const quick = recordingTarget<number>(guarded)
  const answer = async () => {
    await isFree
    return { status: 'applied' } as const
  }
  const slow = recordingTarget<number>({ ...guarded, answer })
  const wal = await open({ queueUrl, targetQueueUrls }, { quick, slow })
  await wal.start()
  const written = await writeSurely(wal, 0, 70)
  await quick.waitFor(70)
  letGo()
  await slow.waitFor(70)
  for (const { applied } of [quick, slow]) {
    expectWhole(written, { applied, overlaps: 0 }, { isFifo: true })
  }
  expect((await wal.drain({ timeout: '30s' })).faults).toMatchObject({ quick: {}, slow: {} })
  await wal.close()
})

test.concurrent('a forwarder that is killed between its copies and the deletion loses and doubles nothing', async (context) => {
  const processes = consumers(context)
  const queueUrl = await make('copied.fifo')
  const targetQueueUrls = { one: await make('one.fifo'), two: await make('two.fifo') }
  const targets = { one: recordingTarget<number>(guarded), two: recordingTarget<number>(guarded) }
  const wal = await open({ queueUrl, targetQueueUrls }, targets)
  const written = await writeSurely(wal, 0, 35)
  const child = await processes.start({ queueUrl, targetQueueUrls, diesDeletingFrom: queueUrl })
  expect(await ended(child)).toBe('SIGKILL')
  await wal.start()
  for (const target of Object.values(targets)) await target.waitFor(35)
  await wal.drain({ timeout: '30s' })
  await wal.close()
  for (const target of Object.values(targets)) {
    expectWhole(written, { applied: target.applied, overlaps: 0 }, { isFifo: true })
    expect(target.applied).toHaveLength(35)
  }
})

test.concurrent('a mover that is killed between sending a due record and the deletion loses and doubles nothing', async (context) => {
  const processes = consumers(context)
  const queueUrl = await make('later.fifo')
  const delayQueueUrl = await make('later-delays')
  const target = recordingTarget<number>(guarded)
  const wal = await open({ queueUrl, delayQueueUrl }, { target })
  const written = await writeSurely(wal, 0, 14, { delay: '2s' })
  const settings = { queueUrl, delayQueueUrl, diesDeletingFrom: delayQueueUrl }
  expect(await ended(await processes.start(settings))).toBe('SIGKILL')
  // What it sent on may be applied by it, and is applied once more where it was not acked.
  await wal.start()
  await expect
    .poll(() => new Set([...target.applied, ...processes.applied].map(({ id }) => id)).size, {
      timeout: 30_000,
    })
    .toBe(14)
  await wal.drain({ timeout: '30s', includeDelayed: true })
  await wal.close()
  const ids = target.applied.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(new Set([...ids, ...processes.applied.map(({ id }) => id)])).toEqual(
    new Set(written.map(({ id }) => id)),
  )
})
