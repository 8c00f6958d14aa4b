import { createWal, fanOut, memoryQueue, permanent, type, type WalError } from '@daybook/core'
import { VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type ListingStore, queueDeadLetters, type SqsClient, sqsQueue } from '../../src/index.ts'
import { SqsModel } from '../../src/testing/index.ts'
import { mortalClient } from '../mortal-client.ts'
import { fourteenDaysMs } from '../support/letter-queue.ts'
import { dyingAtAck, poisoned } from '../support/poisoned.ts'

let clock: VirtualClock
let model: SqsModel
let queueUrl: string
let deadLetterQueueUrl: string
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  queueUrl = model.createQueue('records')
  deadLetterQueueUrl = model.createQueue('letters', { retentionMs: fourteenDaysMs })
})

const options = () => ({ client: model, queueUrl, deadLetterQueueUrl })
const write = (wal: Awaited<ReturnType<typeof poisoned>>['wal'], payload: string) =>
  clock.runUntil(wal.write('poisoned', { key: 'a', payload }))

describe('a poison record', () => {
  test('of a process that dies between put and ack is one letter, and is redriven after the restart', async () => {
    const dying = dyingAtAck(model, queueUrl)
    const first = await poisoned(
      { ...options(), client: dying.client, requestTimeoutMs: 600_000 },
      { clock },
    )
    await write(first.wal, 'poison')
    await first.wal.start()
    await clock.runUntil(dying.died)
    expect(model.size(deadLetterQueueUrl)).toBe(1)
    expect(model.size(queueUrl)).toBe(1)

    const second = await poisoned(options(), { clock })
    await second.wal.start()
    await clock.runUntil(second.wal.drain({ timeout: '1h' }))
    expect(model.size(deadLetterQueueUrl)).toBe(2)
    const { letters } = await clock.runUntil(second.letters.list())
    expect(letters).toMatchObject([{ code: 'POISON', target: 'target', attemptsSpent: 1 }])
    await clock.runUntil(second.wal.close())

    const third = await poisoned(options(), { clock, mended: true })
    await third.wal.start()
    const { redriven, failed } = await clock.runUntil(third.letters.redrive('all'))
    expect([redriven, failed]).toEqual([[letters[0]?.id], []])
    await clock.runUntil(third.target.waitFor(1))
    await clock.runUntil(third.wal.drain({ timeout: '1h' }))
    expect(third.target.applied).toMatchObject([{ payload: 'poison' }])
    expect(await clock.runUntil(third.letters.list())).toEqual({ letters: [], next: undefined })
    const { namespaces } = await clock.runUntil(third.wal.status())
    expect(namespaces.poisoned.targets.target.dead).toBeUndefined()
    await clock.runUntil(third.wal.close())
    expect([model.size(queueUrl), model.size(deadLetterQueueUrl)]).toEqual([0, 0])
  })

  test('is counted in groups, edited and discarded through a look', async () => {
    const { wal, letters, target } = await poisoned(options(), { clock })
    for (let i = 0; i < 3; i++) await write(wal, 'poison')
    await wal.start()
    await clock.runUntil(wal.drain({ timeout: '1h' }))
    expect(await clock.runUntil(letters.groups())).toMatchObject([{ code: 'POISON', count: 3 }])
    const [one, two, three] = (await clock.runUntil(letters.list())).letters.map(({ id }) => id)
    expect(await clock.runUntil(letters.discard({ ids: [two ?? ''] }))).toBe(1)
    const edit = () => ({ payload: 'mended' })
    await clock.runUntil(letters.redrive({ ids: [one ?? '', three ?? ''] }, { edit }))
    await clock.runUntil(target.waitFor(2))
    await clock.runUntil(wal.close())
    expect(target.applied.map(({ payload }) => payload)).toEqual(['mended', 'mended'])
    expect(model.size(deadLetterQueueUrl)).toBe(0)
  })

  test('that one process redrives and another applies takes no look of the other at the letters, and is no error there', async () => {
    const first = await poisoned(options(), { clock })
    for (let i = 0; i < 5; i++) await write(first.wal, 'poison')
    await first.wal.start()
    await clock.runUntil(first.wal.drain({ timeout: '1h' }))
    await clock.runUntil(first.wal.close())

    const redriving = await poisoned(options(), { clock })
    let looks = 0
    const client: SqsClient = {
      ...mortalClient(model).client,
      receiveMessage: (input, ...more) => {
        if (input.QueueUrl === deadLetterQueueUrl) looks++
        return model.receiveMessage(input, ...more)
      },
    }
    const applying = await poisoned({ ...options(), client }, { clock, mended: true })
    const errors: WalError[] = []
    applying.wal.on('error', ({ error }) => errors.push(error))
    await applying.wal.start()
    const report = await clock.runUntil(redriving.letters.redrive('all'))
    expect(report).toMatchObject({ failed: [] })
    await clock.runUntil(applying.target.waitFor(5))
    await clock.runUntil(applying.wal.drain({ timeout: '1h' }))
    expect([looks, errors]).toEqual([0, []])
    expect(await clock.runUntil(applying.letters.list())).toEqual({ letters: [], next: undefined })
    for (const { wal } of [redriving, applying]) await clock.runUntil(wal.close())
    expect(model.size(deadLetterQueueUrl)).toBe(0)
  })

  test('that SQS moved away by itself is a letter that can be redriven', async () => {
    const { wal, letters, target } = await poisoned(options(), { clock })
    await write(wal, 'moved')
    const [message] =
      (
        await model.receiveMessage({
          ...{
            QueueUrl: queueUrl,
            MaxNumberOfMessages: 1,
            WaitTimeSeconds: 0,
            VisibilityTimeout: 600,
          },
          MessageSystemAttributeNames: [],
        })
      ).Messages ?? []
    const [Id, MessageBody] = ['0', message?.Body ?? '']
    await model.sendMessageBatch({ QueueUrl: deadLetterQueueUrl, Entries: [{ Id, MessageBody }] })
    const page = await clock.runUntil(letters.list())
    expect(page.letters).toMatchObject([{ code: 'ERR_INTERRUPTED', target: 'target' }])
    await wal.start()
    await clock.runUntil(letters.redrive('all'))
    await clock.runUntil(target.waitFor(1))
    await clock.runUntil(wal.close())
    expect(target.applied).toMatchObject([{ payload: 'moved', attemptEpoch: 1 }])
    expect(model.size(deadLetterQueueUrl)).toBe(0)
  })
})

test('with a store beside the queue letters go there, and what lay in the queue is moved there', async () => {
  const before = await poisoned(options(), { clock })
  await write(before.wal, 'poison')
  await before.wal.start()
  await clock.runUntil(before.wal.drain({ timeout: '1h' }))
  await clock.runUntil(before.wal.close())
  expect(model.size(deadLetterQueueUrl)).toBe(1)

  const objects = new Map<string, Uint8Array>()
  const deadLetterStore: ListingStore = {
    put: async (name, bytes) => void objects.set(name, bytes),
    get: async (name) => objects.get(name),
    delete: async (name) => void objects.delete(name),
    list: async (prefix, after = '') =>
      [...objects.keys()].filter((name) => name.startsWith(prefix) && name > after).sort(),
  }
  const { wal, letters } = await poisoned({ ...options(), deadLetterStore }, { clock })
  await write(wal, 'poison')
  await wal.start()
  await clock.runUntil(wal.drain({ timeout: '1h' }))
  expect((await letters.list()).letters).toHaveLength(1)
  await clock.advance(120_000)
  expect(model.size(deadLetterQueueUrl)).toBe(0)
  expect((await letters.list()).letters).toHaveLength(2)
  expect(await letters.count()).toEqual(new Map([['target', 2]]))
  await clock.runUntil(wal.close())
})

test('a wal that has nothing to do with the letters of its namespace renews them all the same', async () => {
  let renewed = 0
  // The wal goes by the machine's clock: by hand, its own timers would make days long.
  const open = () =>
    createWal({
      namespaces: {
        idle: fanOut({
          ...{ payload: type<string>(), queue: memoryQueue() },
          targets: { target: { idempotency: 'id', apply: async () => [permanent('NO', 'never')] } },
          deadLetters: queueDeadLetters({
            ...{ client: model, queueUrl: deadLetterQueueUrl, clock, onRenewed: () => renewed++ },
          }),
        }),
      },
    })
  const first = await open()
  await first.write('idle', { key: 'a', payload: 'poison' })
  await first.start()
  await first.drain()
  await first.close()
  const second = await open()
  await second.start()
  await clock.advance(20 * 24 * 3_600_000)
  expect(renewed).toBe(2)
  expect(model.size(deadLetterQueueUrl)).toBe(1)
  await second.close()
})

describe('a namespace whose dead letters lie in a queue', () => {
  test("is refused with onDeadLetter: 'block', by the option's path", async () => {
    const fifo = { client: model, queueUrl: model.createQueue('records.fifo') }
    const letters = queueDeadLetters({ client: model, queueUrl: deadLetterQueueUrl, clock })
    const common = {
      ...{ payload: type<string>(), onDeadLetter: 'block' as const },
      targets: { target: async () => {} },
    }
    for (const given of [
      { ...common, queue: sqsQueue({ ...fifo, deadLetterQueueUrl }) },
      { ...common, queue: sqsQueue(fifo), deadLetters: letters },
    ]) {
      await expect(
        createWal({ clock, namespaces: { blocked: fanOut(given as never) } }),
      ).rejects.toMatchObject({
        code: 'ERR_CONFIG',
        issues: [
          {
            path: 'namespaces.blocked.onDeadLetter',
            reason: expect.stringMatching(/^'block' reads/),
          },
        ],
      })
    }
  })
})
