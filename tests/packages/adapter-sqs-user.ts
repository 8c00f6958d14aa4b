// What somebody who installed @daybook/adapter-sqs would write: typed, and run against the packed files.

import { SQS } from '@aws-sdk/client-sqs'
import { sqsQueue } from '@daybook/adapter-sqs'
import { SqsModel } from '@daybook/adapter-sqs/testing'
import { createWal, defineTarget, fanOut, systemClock, type } from '@daybook/core'

const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/titles'
const real = sqsQueue({ client: new SQS({ region: 'eu-west-1' }), queueUrl })
if (real.supports.order !== 'none') throw new Error(`order: ${real.supports.order}`)

const model = new SqsModel({ clock: systemClock })
const queue = sqsQueue({ client: model, queueUrl: model.createQueue('titles.fifo'), waitMs: 1_000 })
const applied: string[] = []
const target = defineTarget.each<number>(async ({ key }) => {
  applied.push(String(key))
})
const wal = await createWal({
  namespaces: {
    titles: fanOut({ payload: type<number>(), queue, targets: { target }, deadLetters: 'off' }),
  },
})
await wal.start()
await wal.namespace('titles').write({ key: 'tt0038787', payload: 1946 })
await wal.drain({ timeout: '20s' })
await wal.close()
if (applied.join() !== 'tt0038787') throw new Error(`applied: ${applied.join()}`)
