// needs: own kafka

import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, test } from 'vitest'
import { appliedFile, gapIn } from '../support/applied-file.ts'
import { blockedWal } from '../support/blocked-wal.ts'
import { clientFor, clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { forgetfulClient } from '../support/forgetful-client.ts'
import { mortalClient } from '../support/mortal-client.ts'
import { parkedCopies } from '../support/parked-copies.ts'

let kafka: Service

// A broker of its own, since it is killed.
beforeAll(async () => {
  kafka = await service('kafka', { instance: 'parked' })
  await awaitCoordinator(kafka.address)
})
afterAll(() => kafka.remove())

const others = 200
const ofEachOther = 10
const later = others * ofEachOther

/** The later records of the key that waits, and between each two another: more runs than a commit can note. */
function* writes(): Iterable<{ key: string; payload: { n: number } }> {
  yield { key: 'bad', payload: { n: 0 } }
  for (let n = 1; n <= later; n++) {
    yield { key: 'bad', payload: { n } }
    yield { key: `good ${n % others}`, payload: { n: Math.ceil(n / others) } }
  }
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
    expect(await parkedCopies(client, `${topic}.parked.store`)).toHaveLength(later)

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
    expect(await parkedCopies(client, `${topic}.parked.store`)).toEqual([])

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

/** Six keys that wait, and between each two of their records one of another key. */
function* spread(): Iterable<{ key: string; payload: { n: number } }> {
  for (let n = 0; n <= 600; n++) {
    for (let bad = 0; bad < 6; bad++) {
      yield { key: `bad ${bad}`, payload: { n } }
      yield { key: `good ${(n * 6 + bad) % 100}`, payload: { n: Math.floor((n * 6 + bad) / 100) } }
    }
  }
}

test.for(clientNames)(
  'a process that is killed while it parks, and another that joins, leave each key whole and in its order, through %s',
  { timeout: 120_000 },
  async (name, { expect, onTestFinished }) => {
    const topic = `parked-${randomUUID()}`
    const directory = await mkdtemp(join(tmpdir(), 'parked-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const applied = appliedFile(join(directory, 'applied'))
    const client = clientFor(name, kafka.address)
    const admin = await client.admin()
    onTestFinished(() => admin.close())
    let isMended = false
    const wal = await blockedWal({
      ...{ client, topic, partitions: 3, isMended: () => isMended, applied: applied.add },
    })
    onTestFinished(() => wal.close({ timeout: '5s' }))
    const errors: unknown[] = []
    wal.on('error', ({ error }) => errors.push(error))
    const records = [...spread()]
    await wal.writeMany('numbers', records)
    const start = () => {
      const args = [name, kafka.address, topic, '3', join(directory, 'applied')]
      const child = fork(new URL('../support/blocked-child.ts', import.meta.url), args, {
        execArgv: ['--conditions=source'],
      })
      onTestFinished(() => void child.kill('SIGKILL'))
      return child
    }
    const patience = { timeout: 50_000, interval: 100 }
    const facts = async () => {
      const bounds = await admin.bounds(`${topic}.parked.store`)
      return bounds.reduce((sum, { next }) => sum + next, 0)
    }
    const committed = async () => {
      const commits = await admin.committed(`daybook.${topic}.store`, topic)
      return [...commits.values()].reduce((sum, { offset }) => sum + offset, 0)
    }
    const first = start()
    await expect.poll(facts, { ...patience, interval: 5 }).toBeGreaterThan(50)
    first.kill('SIGKILL')
    expect(await facts()).toBeLessThan(6 * 600)
    const second = start()
    await expect.poll(committed, patience).toBe(records.length)

    // A second process joins, and has a part of what waits.
    await wal.start()
    const status = async () => (await wal.status()).namespaces.numbers.targets.store?.delivery
    const held = async () => (await status())?.held ?? 0
    await expect.poll(held, patience).toBeGreaterThan(500)
    expect(await held()).toBeLessThan(6 * 600)
    expect([...applied.read().keys()].filter((key) => key.startsWith('bad'))).toEqual([])
    isMended = true
    await new Promise<void>((resolve) => second.send('mended', () => resolve()))
    await wal.namespace('numbers').deadLetters.redrive('all')
    const last = new Map(records.map(({ key, payload }) => [key, payload.n]))
    const ends = () => new Map([...applied.read()].map(([key, numbers]) => [key, numbers.at(-1)]))
    await expect.poll(ends, patience).toEqual(last)
    for (const [key, numbers] of applied.read())
      expect([key, gapIn(numbers)]).toEqual([key, undefined])
    const left = async () => (await wal.status()).namespaces.numbers.targets.store
    await expect.poll(left, patience).toMatchObject({ dead: 0, pending: 0 })
    expect(errors).toEqual([])
  },
)

test.for(clientNames)(
  'copies of which a broker that is killed has no commit are taken back, and come in their order, through %s',
  { timeout: 120_000 },
  async (name, { expect, onTestFinished }) => {
    const topic = `parked-${randomUUID()}`
    const client = clientFor(name, kafka.address)
    const mortal = mortalClient(forgetfulClient(client), 'refused')
    const first = await blockedWal({ client: mortal, topic, isMended: () => false, applied() {} })
    first.on('error', () => {})
    await first.writeMany(
      'numbers',
      Array.from({ length: 50 }, (_, n) => ({ key: 'bad', payload: { n } })),
    )
    await first.start()
    const patience = { timeout: 40_000, interval: 100 }
    const copies = (): Promise<readonly number[]> => parkedCopies(client, `${topic}.parked.store`)
    await expect.poll(async () => (await copies()).length, patience).toBeGreaterThan(0)
    await kafka.kill()
    await kafka.start()
    await awaitCoordinator(kafka.address)
    await mortal.die()
    void first.close({ timeout: '1s' }).catch(() => {})

    const applied: number[] = []
    let isMended = false
    const second = await blockedWal({
      ...{ client, topic, isMended: () => isMended },
      applied: (records) => applied.push(...records.map(([, n]) => n)),
    })
    onTestFinished(() => second.close({ timeout: '5s' }))
    const errors: unknown[] = []
    second.on('error', ({ error }) => errors.push(error))
    await second.start()
    // All but the first are parked anew, and this time it is committed.
    const admin = await client.admin()
    onTestFinished(() => admin.close())
    const committed = async () =>
      (await admin.committed(`daybook.${topic}.store`, topic)).get(0)?.offset
    const progress = async () => ({ committed: await committed(), errors })
    await expect.poll(progress, patience).toEqual({ committed: 50, errors: [] })
    expect(await copies()).toEqual(Array.from({ length: 49 }, (_, at) => at + 1))
    isMended = true
    await second.namespace('numbers').deadLetters.redrive('all')
    await expect.poll(() => applied.length, patience).toBe(50)
    expect(applied).toEqual(Array.from({ length: 50 }, (_, n) => n))
    expect(errors).toEqual([])
  },
)

test.for(clientNames)(
  'a process whose keys do not wait takes over what is parked, before all that comes later, through %s',
  { timeout: 120_000 },
  async (name, { expect, onTestFinished }) => {
    const topic = `parked-${randomUUID()}`
    const client = clientFor(name, kafka.address)
    const first = await blockedWal({ client, topic, isMended: () => false, applied() {} })
    const numbers = Array.from({ length: 30 }, (_, n) => ({ key: 'bad', payload: { n } }))
    await first.writeMany('numbers', numbers)
    await first.start()
    const patience = { timeout: 40_000, interval: 100 }
    const copies = (): Promise<readonly number[]> => parkedCopies(client, `${topic}.parked.store`)
    await expect.poll(async () => (await copies()).length, patience).toBe(29)
    await first.write('numbers', { key: 'bad', payload: { n: 30 } })
    await first.close()

    const applied: number[] = []
    const second = await blockedWal({
      ...{ client, topic, isMended: () => true, onDeadLetter: 'continue' },
      applied: (records) => applied.push(...records.map(([, n]) => n)),
    })
    onTestFinished(() => second.close({ timeout: '5s' }))
    await second.start()
    await expect.poll(() => applied.length, patience).toBe(30)
    expect(applied).toEqual(Array.from({ length: 30 }, (_, n) => n + 1))
    await expect.poll(copies, patience).toEqual([])
  },
)
