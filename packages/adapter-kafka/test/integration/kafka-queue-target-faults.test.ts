// needs: own kafka

import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createWal, memoryQueue, queueTarget, type } from '@daybook/core'
import { type Service, service } from '@daybook/services'
import { Admin } from '@platformatic/kafka'
import { AclOperationTypes, type Admin as KafkajsAdmin } from 'kafkajs'
import { beforeAll, expect, test, vi } from 'vitest'
import type { Film } from '../../../../tests/support/forwarding-conformance.ts'
import { type KafkaClient, kafkaQueue } from '../../src/index.ts'
import { archiveOn } from '../support/archive.ts'
import { clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { allowAgain, allowAllBut, asAdmin, guestClient } from '../support/guest.ts'

let kafka: Service

// Three suites share it; it goes when the run is over.
beforeAll(async () => {
  kafka = await service('kafka', { instance: 'secure', secure: true })
  await awaitCoordinator(kafka.address)
})

const patience = { timeout: 60_000, interval: 20 }

/** A wal that forwards to the topic as the guest, with two attempts for each record. */
async function forwardingWal(client: KafkaClient, topic: string, directory?: string) {
  const queue = kafkaQueue({
    ...{ client, topic, partitions: 2, create: true },
    ...{ allowUnderReplicated: true, sendTimeoutMs: 5_000 },
  })
  const wal = await createWal({
    region: { name: 'eu', number: 3 },
    ...(directory !== undefined && { directory }),
    namespaces: {
      films: {
        ...{ payload: type<Film>(), ...(directory === undefined && { queue: memoryQueue() }) },
        targets: { there: queueTarget<Film>({ queue, namespace: 'films' }) },
        retry: { maxAttempts: 2, minDelay: '20ms' },
        breaker: { minOpen: '50ms', maxOpen: '500ms' },
      },
    },
  })
  const pauses: string[] = []
  wal.on('paused', ({ reason, code }) => pauses.push(`${reason} ${code}`))
  wal.on('error', () => {})
  await wal.start()
  const ids = new Set<string>()
  const write = async (records: number, title = 'Rope'): Promise<void> => {
    for (let n = 0; n < records; n++) {
      const { id } = await wal.write('films', { key: `film ${n % 17}`, payload: { title } })
      ids.add(id)
    }
  }
  const pausedAgain = async () => {
    const before = pauses.length
    await vi.waitFor(() => expect(pauses.length).toBeGreaterThan(before + 2), patience)
    return [...new Set(pauses.slice(before))]
  }
  /** All is on the topic, nothing is a dead letter, and no attempt was spent. */
  const settle = async (): Promise<void> => {
    const report = await wal.drain({ timeout: '60s' })
    expect(report.films.there).toMatchObject({ dead: 0, pending: 0 })
    const { dead, delivery } = (await wal.status()).namespaces.films.targets.there
    expect([dead, delivery?.retried]).toEqual([0, 0])
    await wal.close()
  }
  return { wal, ids, write, pausedAgain, settle }
}

async function expectCame(topic: string, ids: ReadonlySet<string>): Promise<void> {
  const archive = await archiveOn({ name: 'kafkajs', broker: kafka.address, topic })
  const missing = () => [...ids].filter((id) => !archive.came.has(id))
  await vi.waitFor(() => expect(missing()).toEqual([]), patience)
  await archive.wal.close()
}

/** Until it is gone: what the broker takes before that goes with it, and nothing would be left to wait. */
async function removeTopic(admin: KafkajsAdmin, topic: string): Promise<void> {
  await admin.deleteTopics({ topics: [topic] })
  await vi.waitFor(async () => expect(await admin.listTopics()).not.toContain(topic), patience)
}

test.concurrent.for(clientNames)(
  'what is forwarded to a topic waits while the right to write it is taken away, through %s',
  async (name) => {
    const topic = `denied-${randomUUID()}`
    await allowAllBut(kafka, topic)
    const { ids, write, pausedAgain, settle } = await forwardingWal(guestClient(kafka, name), topic)
    await write(20)
    await allowAllBut(kafka, topic, [['topic', topic], AclOperationTypes.WRITE])
    await write(20)
    expect(await pausedAgain()).toEqual(['unavailable ERR_CONFIG'])
    await allowAgain(kafka, ['topic', topic], AclOperationTypes.WRITE)
    await settle()
    await expectCame(topic, ids)
  },
)

test.concurrent.for(clientNames)(
  'what is forwarded to a topic waits while that is not there, and is sent once it is made, through %s',
  async (name) => {
    const topic = `removed-${randomUUID()}`
    await allowAllBut(kafka, topic)
    const { ids, write, pausedAgain, settle } = await forwardingWal(guestClient(kafka, name), topic)
    await asAdmin(kafka, (admin) => removeTopic(admin, topic))
    await write(20)
    const pauses = await pausedAgain()
    for (const pause of pauses) expect(pause).toMatch(/^unavailable ERR_/)
    const made = { topics: [{ topic, numPartitions: 2 }], waitForLeaders: false }
    await asAdmin(kafka, (admin) => admin.createTopics(made))
    await settle()
    await expectCame(topic, ids)
  },
)

test.concurrent.for(clientNames)(
  'what is forwarded with a wrong password waits in its log until it is right, through %s',
  async (name) => {
    const directory = mkdtempSync(join(tmpdir(), 'daybook-forward-'))
    const topic = `password-${randomUUID()}`
    await allowAllBut(kafka, topic)
    const wrong = guestClient(kafka, name, { password: 'wrong' })
    const before = await forwardingWal(wrong, topic, directory)
    await before.write(20)
    expect(await before.pausedAgain()).toEqual(['unavailable ERR_UNAVAILABLE'])
    expect((await before.wal.status()).namespaces.films.targets.there).toMatchObject({
      ...{ pending: 20, dead: 0 },
      delivery: { retried: 0 },
    })
    await before.wal.close()
    const after = await forwardingWal(guestClient(kafka, name), topic, directory)
    await after.settle()
    await expectCame(topic, before.ids)
    rmSync(directory, { recursive: true })
  },
)

test.concurrent.for(clientNames)(
  'what is forwarded faster than the broker lets this client write is all there in the end, through %s',
  async (name) => {
    const topic = `quota-${randomUUID()}`
    await allowAllBut(kafka, topic)
    const admin = new Admin({ clientId: 'quotas', bootstrapBrokers: [kafka.address] })
    await admin.alterClientQuotas({
      entries: [
        {
          entities: [{ entityType: 'client-id', entityName: topic }],
          ops: [{ key: 'producer_byte_rate', value: 50_000, remove: false }],
        },
      ],
    })
    await admin.close()
    const client = guestClient(kafka, name, { clientId: topic })
    const { ids, write, settle } = await forwardingWal(client, topic)
    const startedAt = Date.now()
    await write(500, 'x'.repeat(2_000))
    await settle()
    // A million bytes at 50,000 a second, of which a broker lets pass as many as in ten seconds at once.
    expect(Date.now() - startedAt).toBeGreaterThan(5_000)
    await expectCame(topic, ids)
  },
)
