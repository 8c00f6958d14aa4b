// node consumer-child.ts ENDPOINT QUEUE-URL
//
// Applies records slowly and prints each, until it is killed.

import { setTimeout } from 'node:timers/promises'
import { SQS } from '@aws-sdk/client-sqs'
import { createWal, defineTarget, fanOut, type } from '@daybook/core'
import { sqsQueue } from '../../src/index.ts'

const [endpoint = '', queueUrl = ''] = process.argv.slice(2)
const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
const client = new SQS({ endpoint, region: 'us-east-1', credentials })
const target = defineTarget.each<number>(async ({ id, key }) => {
  await setTimeout(20)
  process.stdout.write(`${JSON.stringify({ id, key })}\n`)
})
const queue = sqsQueue({ client, queueUrl, waitMs: 1_000, visibilityMs: 3_000 })
const wal = await createWal({
  namespaces: {
    faults: fanOut({ payload: type<number>(), queue, targets: { target }, deadLetters: 'off' }),
  },
})
await wal.start()
