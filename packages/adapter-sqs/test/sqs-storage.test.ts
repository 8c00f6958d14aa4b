import { createWal, fanOut, systemClock, type } from '@daybook/core'
import { recordingTarget } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

const model = new SqsModel({ clock: systemClock })
const urlOf = (name: string): string => model.createQueue(name)
const films = urlOf('films.fifo')
const delays = urlOf('delays')

function open(others: { readonly queueUrl: string; readonly delayQueueUrl?: string }) {
  const namespace = (options: { readonly queueUrl: string; readonly delayQueueUrl?: string }) =>
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
    issues: [{ path: 'namespaces.others.queue', reason: expect.stringContaining(url) }],
  })
  await expect(open({ queueUrl: films })).rejects.toMatchObject(refusalOf(films))
  const own = urlOf('others.fifo')
  const shared = open({ queueUrl: own, delayQueueUrl: delays })
  await expect(shared).rejects.toMatchObject(refusalOf(delays))
  const wal = await open({ queueUrl: own, delayQueueUrl: urlOf('other-delays') })
  await wal.close()
})
