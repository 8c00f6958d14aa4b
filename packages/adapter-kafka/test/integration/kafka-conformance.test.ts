// needs: kafka

import { randomUUID } from 'node:crypto'
import { systemClock, systemRandom } from '@daybook/core'
import {
  type ConformanceCase,
  deadLetterQueueConformance,
  queueConformance,
  runConformance,
} from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, test } from 'vitest'
import { expectKept } from '../../../../tests/support/expect-kept.ts'
import { kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { mortalClient } from '../support/mortal-client.ts'
import { resetPatiently } from '../support/reset.ts'
import { uncachedLetters } from '../support/uncached-letters.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
  await awaitCoordinator(kafka.address)
})
afterAll(async () => {
  await resetPatiently(kafka)
})

function queueOf(client: ReturnType<typeof mortalClient>, topic: string | readonly string[]) {
  return kafkaQueue({
    client,
    topic,
    partitions: typeof topic === 'string' ? 2 : 1,
    allowUnderReplicated: true,
    delayTiersMs: [86_400_000, 60_000, 1_000],
  })
}

/** Each case is run on a topic of two partitions through one client, and on two topics through the other. */
function queueCases(name: ClientName): readonly ConformanceCase[] {
  let created = clientNames.indexOf(name)
  return queueConformance({
    create() {
      const id = randomUUID()
      const isOne = created++ % 2 === 0
      const topic = isOne ? `conformance-${id}` : [`conformance-${id}-a`, `conformance-${id}-b`]
      let client = mortalClient(clientFor(name, kafka.address))
      return {
        queue: () => queueOf(client, topic),
        async crash() {
          const dying = client
          client = mortalClient(clientFor(name, kafka.address))
          await dying.die()
        },
      }
    },
    shortDelayMs: 600,
    quietMs: 400,
    patienceMs: 20_000,
  })
}

function letterCases(name: ClientName, isCached = true): readonly ConformanceCase[] {
  return deadLetterQueueConformance({
    async create() {
      const client = mortalClient(clientFor(name, kafka.address))
      const topic = `letters-${randomUUID()}`
      const queue = queueOf(client, topic)
      await queue.open({
        namespace: 'conformance',
        targets: ['first'],
        directory: undefined,
        clock: systemClock,
        random: systemRandom,
        reportError: () => {},
      })
      if (!isCached) {
        const { open, dispose } = await uncachedLetters(client, topic)
        return {
          open,
          dispose: async () => void (await Promise.all([dispose(), queue.close()])),
        }
      }
      return {
        async open() {
          const letters = await queue.deadLetters()
          if (letters === undefined) throw new Error('The queue brings no dead letters.')
          return letters
        },
        dispose: () => queue.close(),
      }
    },
    // A case has some fifty calls, one after the other, and four times this for all of them.
    patienceMs: 30_000,
  })
}

/** On a machine that is busy with other suites it takes a while. */
const timeout = 300_000

for (const name of clientNames) {
  const suites = [
    [`a queue on Kafka keeps every promise of a queue, through ${name}`, queueCases],
    [`the dead letters on Kafka keep every promise of theirs, through ${name}`, letterCases],
  ] as const
  test.concurrent.for(suites)('%s', { timeout }, async ([, cases]) => {
    expectKept(await runConformance(cases(name), { concurrency: 12 }))
  })
}

test.concurrent('dead letters that are read from Kafka again each time keep every promise of theirs, through kafkajs', {
  timeout,
}, async () => {
  expectKept(await runConformance(letterCases('kafkajs', false), { concurrency: 12 }))
})
