// node consumer-child.ts ENDPOINT SETTINGS
//
// Applies records slowly and prints each, with when that began and ended by the machine's clock, until it
// is killed, or told by SIGTERM to leave. SETTINGS: see `ChildSettings`, as JSON.

import { setTimeout } from 'node:timers/promises'
import { createWal, defineTarget, fanOut, type } from '@daybook/core'
import { type SqsClient, sqsQueue } from '../../src/index.ts'
import type { ChildSettings } from './consumer-processes.ts'
import { connect } from './server-queues.ts'

const [address = '', json = '{}'] = process.argv.slice(2)
const { queueUrl, delayQueueUrl, targetQueueUrls, diesDeletingFrom } = JSON.parse(
  json,
) as ChildSettings

/** Dies once something was sent on, and its message in that queue would be deleted. */
function mortal(client: SqsClient): SqsClient {
  const deleteBatch = client.deleteMessageBatch.bind(client)
  return Object.assign(client, {
    deleteMessageBatch: (...[input, options]: Parameters<typeof deleteBatch>) => {
      if (input.QueueUrl === diesDeletingFrom) process.kill(process.pid, 'SIGKILL')
      return deleteBatch(input, options)
    },
  })
}

/** One that is to die applies nothing before. */
const applyMs = diesDeletingFrom === undefined ? 10 : 5_000

/** The same clock in every process of the machine. */
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

const target = defineTarget.each<number>(
  async ({ id, key }) => {
    const begin = nowMs()
    await setTimeout(applyMs)
    process.stdout.write(`${JSON.stringify({ id, key, begin, end: nowMs() })}\n`)
  },
  { idempotency: 'id' },
)
const queue = sqsQueue({
  ...{ client: mortal(connect(address)), queueUrl, delayQueueUrl, targetQueueUrls },
  ...{ waitMs: 1_000, visibilityMs: 5_000 },
})
const names = Object.keys(targetQueueUrls ?? { target: '' })
const wal = await createWal({
  namespaces: {
    faults: fanOut({
      ...{ payload: type<number>(), queue, deadLetters: 'off', order: queue.supports.order },
      targets: Object.fromEntries(names.map((name) => [name, target])),
    }),
  },
})
process.on('SIGTERM', () => void wal.close().then(() => process.exit(0)))
await wal.start()
process.stdout.write('{}\n')
