import { createWal, fanOut, memoryQueue, queueTarget, systemClock, type } from '@daybook/core'
import { recordingTarget } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { type SqsClient, sqsQueue } from '../src/index.ts'
import { placeOfQueue } from '../src/sqs-place.ts'
import { SqsModel } from '../src/testing/index.ts'

const model = new SqsModel({ clock: systemClock })
const urlOf = (name: string): string => model.createQueue(name)
const films = urlOf('films.fifo')
const delays = urlOf('delays')

/** Reads the attributes of the one queue under another URL of it as well. */
function alsoUnder(alias: string, url: string): SqsClient {
  return new Proxy(model, {
    get: (target, name) => {
      if (name !== 'getQueueAttributes') return Reflect.get(target, name)?.bind(target)
      return ({ QueueUrl, ...input }: { readonly QueueUrl: string; readonly AttributeNames: [] }) =>
        target.getQueueAttributes({ ...input, QueueUrl: QueueUrl === alias ? url : QueueUrl })
    },
  })
}

interface Urls {
  readonly queueUrl: string
  readonly delayQueueUrl?: string
  readonly client?: SqsClient
}

function open(others: Urls) {
  const namespace = (options: Urls) =>
    fanOut({
      payload: type<number>(),
      queue: sqsQueue({ client: model, ...options }),
      targets: { store: recordingTarget<number>() },
      deadLetters: 'off',
    })
  return createWal({
    namespaces: {
      films: namespace({ queueUrl: films, delayQueueUrl: delays }),
      others: namespace(others),
    },
  })
}

test('two namespaces over one SQS queue are refused, also where it is only their delays that share it', async () => {
  const refusalOf = (url: string) => ({
    code: 'ERR_CONFIG',
    issues: [
      {
        path: 'namespaces.others.queue',
        reason: expect.stringContaining(url.split('/').at(-1) as string),
      },
    ],
  })
  await expect(open({ queueUrl: films })).rejects.toMatchObject(refusalOf(films))
  const own = urlOf('others.fifo')
  const shared = open({ queueUrl: own, delayQueueUrl: delays })
  await expect(shared).rejects.toMatchObject(refusalOf(delays))
  const wal = await open({ queueUrl: own, delayQueueUrl: urlOf('other-delays') })
  await wal.close()
})

test('a queue of another namespace is recognised under another URL', async () => {
  const alias = films.replace('https:', 'http:')
  const refused = open({ queueUrl: alias, client: alsoUnder(alias, films) })
  await expect(refused).rejects.toMatchObject({
    issues: [{ path: 'namespaces.others.queue', reason: expect.stringContaining('films.fifo') }],
  })
})

test('an SQS queue that is given twice under two URLs is refused', async () => {
  const own = urlOf('twice')
  const alias = own.toUpperCase().replace('/TWICE', '/twice')
  const client = alsoUnder(alias, own)
  const wal = createWal({
    namespaces: {
      titles: fanOut({
        payload: type<number>(),
        queue: sqsQueue({ client, queueUrl: urlOf('in'), targetQueueUrls: { a: own, b: alias } }),
        targets: { a: recordingTarget<number>(), b: recordingTarget<number>() },
        order: 'none',
        deadLetters: 'off',
      }),
    },
  })
  await expect(wal).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining(`${own} and ${alias}`),
  })
})

const arn = 'arn:aws:sqs:eu-west-1:123456789012:films.fifo'
const emulated = 'arn:aws:sqs:elasticmq:000000000000:films.fifo'
test.each([
  ['https://sqs.eu-west-1.amazonaws.com/123456789012/films.fifo', arn, arn],
  ['https://eu-west-1.queue.amazonaws.com/123456789012/films.fifo', arn, arn],
  ['https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/123456789012/films.fifo', arn, arn],
  ['http://localhost:9324/000000000000/films.fifo', emulated, `${emulated} at localhost:9324`],
  ['http://127.0.0.1:9324/000000000000/films.fifo', emulated, `${emulated} at localhost:9324`],
  ['http://[::1]:9325/000000000000/films.fifo', emulated, `${emulated} at localhost:9325`],
  ['http://SQS.test/000000000000/films.fifo/', undefined, 'sqs.test/000000000000/films.fifo'],
])('the queue %s whose ARN is %s lies in %s', (url, queueArn, place) => {
  expect(placeOfQueue(url, queueArn)).toBe(`the queue ${place}`)
})

test('one SQS queue is not opened by two wals, and the one that has it goes on', async () => {
  const queue = sqsQueue({ client: model, queueUrl: urlOf('once.fifo'), waitMs: 1_000 })
  const open = () =>
    createWal({
      namespaces: {
        films: fanOut({
          payload: type<number>(),
          queue,
          targets: { store: recordingTarget<number>() },
          deadLetters: 'off',
        }),
      },
    })
  const first = await open()
  await expect(open()).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining('an sqsQueue() of its own'),
  })
  const receipt = await first.namespace('films').tryWrite({ key: 'a', payload: 1 })
  expect(receipt.durable).toBe('yes')
  await first.close()
  const again = await open()
  await again.close()
})

test('one queue target may be that of two wals, and is open until the last of them closes', async () => {
  const url = urlOf('archive')
  const archive = queueTarget({
    queue: sqsQueue({ client: model, queueUrl: url }),
    namespace: 'archive',
  })
  const open = () =>
    createWal({
      namespaces: {
        films: { payload: type<number>(), queue: memoryQueue(), targets: { archive } },
      },
    })
  const [first, second] = [await open(), await open()]
  let stored = 0
  for (const wal of [first, second]) {
    await wal.start()
    await wal.write('films', { key: 'a', payload: 1 })
    await expect.poll(() => model.size(url)).toBe(++stored)
  }
  await first.close()
  await second.write('films', { key: 'a', payload: 2 })
  await expect.poll(() => model.size(url)).toBe(++stored)
  await second.close()
  const again = await open()
  await again.start()
  await again.write('films', { key: 'a', payload: 3 })
  await expect.poll(() => model.size(url)).toBe(++stored)
  await again.close()
})
