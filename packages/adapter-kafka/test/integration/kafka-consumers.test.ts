// needs: kafka

import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createWal, fanOut, type } from '@daybook/core'
import { reportDelivery } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import type { ChildMessage } from '../support/consumer-child.ts'
import { keyedWriters, WatchfulTarget } from '../support/keyed-writers.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service
const children = new Set<ChildProcess>()

beforeAll(async () => {
  kafka = await service('kafka')
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

/** Consumers in processes of their own, and what they have applied, in the order they said so. */
class Crew {
  readonly applied: { readonly id: string; readonly key: string }[] = []
  readonly #name: ClientName
  readonly #topic: string

  constructor(name: ClientName, topic: string) {
    this.#name = name
    this.#topic = topic
  }

  async start(): Promise<ChildProcess> {
    const program = new URL('../support/consumer-child.ts', import.meta.url)
    const child = fork(program, [this.#name, kafka.address, this.#topic], {
      execArgv: ['--conditions=source', '--no-warnings'],
    })
    children.add(child)
    child.on('message', (message: ChildMessage) => {
      if (message.event !== 'applied') return
      for (const [id, key] of message.records) this.applied.push({ id, key })
    })
    await said(child, 'started')
    return child
  }

  async until(count: number): Promise<void> {
    while (new Set(this.applied.map(({ id }) => id)).size < count) await pause(50)
  }
}

function said(child: ChildProcess, event: ChildMessage['event']): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message: ChildMessage) => {
      if (message.event === event) resolve()
    })
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

test('consumers that join, leave and are killed under load lose no record and keep the order of each key', async () => {
  await Promise.all(
    clientNames.map(async (name) => {
      const topic = `crew-${randomUUID()}`
      const queue = kafkaQueue({
        client: clientFor(name, kafka.address),
        topic,
        allowUnderReplicated: true,
      })
      // Writes, and consumes nothing.
      const wal = await createWal({
        namespaces: {
          films: fanOut({
            payload: type<{ n: number }>(),
            queue,
            targets: { store: new WatchfulTarget() },
          }),
        },
      })
      const crew = new Crew(name, topic)
      const first = await crew.start()
      const writing = keyedWriters(wal.namespace('films'), { keys: 100, perKey: 60 })
      await crew.until(500)
      const second = await crew.start()
      await crew.until(1_500)
      await crew.start()
      await crew.until(2_000)
      first.kill('SIGKILL')
      await crew.until(3_000)
      second.send('leave')
      await said(second, 'closed')
      const { written } = await writing
      await crew.until(written.length)
      const { lost, unknown, outOfOrder } = reportDelivery(written, crew.applied)
      expect({ name, lost, unknown, outOfOrder }).toEqual({
        name,
        lost: [],
        unknown: [],
        outOfOrder: [],
      })
      await wal.close()
    }),
  )
})
