// needs: kafka

import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, test } from 'vitest'
import { blockedWal } from '../support/blocked-wal.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
  await awaitCoordinator(kafka.address)
})
afterAll(async () => {
  await resetPatiently(kafka)
})

const later = 5_000
const others = 200
const ofEachOther = 10

/** The later records of the key that waits, and others between them. */
function* writes(): Iterable<{ key: string; payload: { n: number } }> {
  yield { key: 'bad', payload: { n: 0 } }
  const every = later / ofEachOther
  for (let n = 1; n <= later; n++) {
    yield { key: 'bad', payload: { n } }
    if (n % every > 0) continue
    for (let at = 0; at < others; at++) yield { key: `good ${at}`, payload: { n: n / every } }
  }
}

/** How many copies the parked topic has that were not taken away. */
async function parkedCopies(name: ClientName, topic: string): Promise<number> {
  const client = clientFor(name, kafka.address)
  const [admin, reader] = [await client.admin(), await client.reader(topic)]
  const copies = new Set<string>()
  const [bounds = { first: 0, next: 0 }] = await admin.bounds(topic)
  if (bounds.next > bounds.first) {
    for await (const entries of reader.read(0, bounds.first, bounds.next)) {
      for (const { key, value } of entries) {
        if (value === null) copies.delete(String(key))
        else copies.add(String(key))
      }
    }
  }
  await Promise.all([admin.close(), reader.close()])
  return copies.size
}

test.concurrent.for(clientNames)(
  'what waits behind a dead letter is parked, and a process that dies leaves all of it in order, through %s',
  { timeout: 120_000 },
  async (name, { expect, onTestFinished }) => {
    const topic = `parked-${randomUUID()}`
    const client = clientFor(name, kafka.address)
    const admin = await client.admin()
    onTestFinished(() => admin.close())
    let isMended = false
    const applied: (readonly [string, number])[] = []
    const bad = () => applied.flatMap(([key, n]) => (key === 'bad' ? [n] : []))
    const wal = await blockedWal({
      client,
      topic,
      isMended: () => isMended,
      applied: (records) => applied.push(...records),
    })
    onTestFinished(() => wal.close({ timeout: '5s' }))
    const errors: unknown[] = []
    wal.on('error', ({ error }) => errors.push(error))
    await wal.writeMany('numbers', [...writes()])
    const first = fork(
      new URL('../support/blocked-child.ts', import.meta.url),
      [...[name, kafka.address, topic]],
      { execArgv: ['--conditions=source'] },
    )
    onTestFinished(() => void first.kill('SIGKILL'))
    const firstApplied: (readonly [string, number])[] = []
    first.on('message', (records) => firstApplied.push(...(records as typeof firstApplied)))
    const patience = { timeout: 40_000, interval: 100 }
    const all = later + 1 + others * ofEachOther
    // The group's progress has passed everything, although most of it waits.
    const committed = async () =>
      (await admin.committed(`daybook.${topic}.store`, topic)).get(0)?.offset
    await expect.poll(committed, patience).toBe(all)
    expect(await parkedCopies(name, `${topic}.parked`)).toBe(later)

    // Runs already when it is given what the other one had: it learns of the letter then.
    await wal.start()
    first.kill('SIGKILL')
    const status = async () => (await wal.status()).namespaces.numbers.targets.store
    await expect
      .poll(status, patience)
      .toMatchObject({ dead: 1, pending: later, delivery: { blockedKeys: 1, held: later } })
    expect(bad()).toEqual([])
    await wal.write('numbers', { key: 'good 1', payload: { n: 11 } })
    await wal.write('numbers', { key: 'bad', payload: { n: later + 1 } })
    await expect
      .poll(() => applied.some(([key, n]) => key === 'good 1' && n === 11), patience)
      .toBe(true)

    // A redrive that fails blocks the key again, and lets nothing past.
    await wal.namespace('numbers').deadLetters.redrive('all')
    await expect.poll(async () => (await status())?.delivery?.deadLettered, patience).toBe(1)
    expect(bad()).toEqual([])
    isMended = true
    await wal.namespace('numbers').deadLetters.redrive('all')
    const order = Array.from({ length: later + 2 }, (_, n) => n)
    await expect.poll(() => bad().length, patience).toBe(order.length)
    expect(bad()).toEqual(order)
    await wal.write('numbers', { key: 'bad', payload: { n: later + 2 } })
    await expect.poll(() => bad().at(-1), patience).toBe(later + 2)
    await expect
      .poll(status, patience)
      .toMatchObject({ dead: 0, pending: 0, delivery: { blockedKeys: 0, held: 0 } })
    expect(await parkedCopies(name, `${topic}.parked`)).toBe(0)

    for (let at = 0; at < others; at++) {
      const numbers = [...firstApplied, ...applied].flatMap(([key, n]) =>
        key === `good ${at}` ? [n] : [],
      )
      const expected = Array.from({ length: ofEachOther }, (_, n) => n + 1)
      expect(numbers.slice(0, ofEachOther)).toEqual(expected)
    }
    expect(errors).toEqual([])
  },
)
