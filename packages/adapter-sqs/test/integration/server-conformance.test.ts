// needs: sqs

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQS } from '@aws-sdk/client-sqs'
import { type DeadLetterQueue, type Queue, systemClock, systemRandom } from '@daybook/core'
import {
  type ConformanceCase,
  deadLetterQueueConformance,
  queueConformance,
  runConformance,
} from '@daybook/core/testing'
import type { Service } from '@daybook/services'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { directoryStore, sqsQueue } from '../../src/index.ts'
import { mortalClient } from '../mortal-client.ts'
import { CopiedFirst } from '../support/copied-first.ts'
import { memoryServer } from '../support/memory-server.ts'
import { OnceEach } from '../support/once-each.ts'

let sqs: Service
let client: SQS
let created = 0

beforeAll(async () => {
  sqs = await memoryServer()
  client = new SQS({
    endpoint: `http://${sqs.address}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    // Of the SDK's 50 the long polls of the cases that run at once would take all.
    requestHandler: { httpAgent: { maxSockets: 500 } },
  })
})
afterAll(() => client.destroy())

const common = {
  // SQS counts in seconds.
  shortDelayMs: 1_000,
  quietMs: 150,
  // A busy machine takes its time, and nothing is asserted of how long anything takes.
  patienceMs: 30_000,
  seed: Number(process.env['DAYBOOK_SEED']),
}

interface Kind {
  readonly isFifo: boolean
  readonly fansOut: boolean
}

/**
 * What a process that died was holding comes after its visibility, so where one dies that is short. Everywhere else it is
 * long: on a machine that stands still for longer, messages are handed out again.
 */
function casesOf(kind: Kind): readonly ConformanceCase[] {
  const dying = ({ name }: ConformanceCase): boolean => /process/.test(name)
  const cases = (visibilityMs: number) =>
    queueConformance({ ...common, create: () => subject(kind, visibilityMs) })
  return cases(30_000).map((one, at) => (dying(one) ? (cases(6_000)[at] ?? one) : one))
}

const suites = [
  { kind: 'standard queue', isFifo: false, fansOut: false },
  { kind: 'FIFO queue', isFifo: true, fansOut: false },
  { kind: 'standard queue that is copied from', isFifo: false, fansOut: true },
  { kind: 'FIFO queue that is copied from', isFifo: true, fansOut: true },
].map((suite) => ({ ...suite, cases: casesOf(suite) }))

describe('sqsQueue', () => {
  // Many at once, of all suites: most of them only wait.
  const failures = new Map<string, unknown>()
  beforeAll(async () => {
    const all = suites.flatMap(({ kind, cases }) =>
      cases.map(({ name, run }) => ({ name: `${kind}: ${name}`, run })),
    )
    for (const { name, failure } of await runConformance(all, { concurrency: 24 })) {
      failures.set(name, failure)
    }
  }, 600_000)
  describe.each(suites)('on a real $kind', ({ kind, cases }) => {
    test.each(cases)('$name', ({ name }) => {
      expect(failures.has(`${kind}: ${name}`)).toBe(true)
      const failure = failures.get(`${kind}: ${name}`)
      if (failure !== undefined) throw failure
    })
  })
})

describe('the dead letters of a real queue', () => {
  const cases = deadLetterQueueConformance({ create: letters })
  test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
})

async function letters() {
  const directory = await mkdtemp(join(tmpdir(), 'daybook-letters-'))
  const queueUrl = await createQueue('.fifo')
  const opened: Queue[] = []
  return {
    open: async () => {
      const queue = sqsQueue({ client, queueUrl, deadLetterStore: directoryStore(directory) })
      await queue.open({
        ...{ namespace: 'letters', targets: ['only'], directory: undefined },
        ...{ clock: systemClock, random: systemRandom, reportError: () => {} },
      })
      opened.push(queue)
      return (await queue.deadLetters?.()) as DeadLetterQueue
    },
    dispose: async () => {
      for (const queue of opened) await queue.close()
      await client.deleteQueue({ QueueUrl: queueUrl })
      await rm(directory, { recursive: true })
    },
  }
}

async function subject({ isFifo, fansOut }: Kind, visibilityMs: number) {
  const suffix = isFifo ? '.fifo' : ''
  const queueUrl = await createQueue(suffix)
  const delays = isFifo ? { delayQueueUrl: await createQueue('-delays') } : {}
  const targets = fansOut
    ? { targetQueueUrls: { first: await createQueue(suffix), second: await createQueue(suffix) } }
    : {}
  const copied = new CopiedFirst(queueUrl)
  const once = new OnceEach()
  let process = mortalClient(copied.counting(client))
  let hasCrashed = false
  return {
    queue: () => {
      const queue = sqsQueue({
        ...{ client: process.client, queueUrl, ...delays, ...targets, visibilityMs },
        // A process that died gets no answer any more, and is not to complain of that while its case goes on.
        ...{ waitMs: 1_000, requestTimeoutMs: 300_000, maxMessageBytes: 1_048_576 },
      })
      return once.over(isFifo && fansOut ? copied.over(queue) : queue)
    },
    crash: () => {
      process.die()
      process = mortalClient(copied.counting(client))
      hasCrashed = true
    },
    dispose: async () => {
      const urls = [queueUrl, ...Object.values({ ...delays, ...targets.targetQueueUrls })]
      for (const QueueUrl of urls) await client.deleteQueue({ QueueUrl })
      // A forwarder that dies between its copies and the deletion is followed by one that copies again, and a visibility
      // that is short may be over too soon.
      if (!hasCrashed) expect(once.repeats).toBe(0)
    },
  }
}

async function createQueue(suffix: string): Promise<string> {
  const Attributes = suffix === '.fifo' ? { FifoQueue: 'true' } : {}
  const QueueName = `conformance-${++created}${suffix}`
  const { QueueUrl = '' } = await client.createQueue({ QueueName, Attributes })
  return QueueUrl
}
