import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { noAttempts } from '../../../src/consumer/consumer.ts'
import { makeDeadLetter, makeStoredRecord } from '../../../src/testing/make-record.ts'
import { directory, firstMessage, kill, open, startChild } from './support/file-queue-setup.ts'
import { HookedFileSystem } from './support/hooked-file-system.ts'
import { keysOf, OpenQueue, pullNow } from './support/open-queue.ts'

describe('an owner that has lost its directory', () => {
  async function deleteSockets(): Promise<void> {
    for (const name of await readdir(directory)) {
      if (name.endsWith('.sock')) await rm(join(directory, name))
    }
  }

  it('stops reading, writing and remembering', async () => {
    const old = await open()
    await old.send({ key: 'a' }, { key: 'b' })
    const consumer = await old.consumer()
    const producer = await old.queue.producer()
    const letters = await old.queue.deadLetters()
    const deliveries = await pullNow(consumer, 1)
    await deleteSockets()
    const owner = await open()
    await expect(pullNow(consumer)).rejects.toMatchObject({ code: 'ERR_OWNERSHIP_LOST' })
    expect(old.errors).toEqual([expect.objectContaining({ code: 'ERR_OWNERSHIP_LOST' })])
    expect(await producer.send([makeStoredRecord()])).toMatchObject([
      { durable: 'no', error: { code: 'ERR_OWNERSHIP_LOST' } },
    ])
    await expect(letters?.put([makeDeadLetter()])).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await consumer.ack(deliveries)
    await consumer.close()
    await old.queue.close()
    expect(keysOf(await pullNow(await owner.consumer()))).toEqual(['a', 'b'])
    await owner.queue.close()
  })

  it('notices with the next write, and writes nothing more', async () => {
    const disk = new HookedFileSystem()
    const old = await open({ fileSystem: disk })
    await old.send({ key: 'kept' })
    await deleteSockets()
    const changes = disk.failCall(Number.POSITIVE_INFINITY, 'EIO')
    await expect(old.send({})).rejects.toMatchObject({ code: 'ERR_OWNERSHIP_LOST' })
    await expect(old.send({})).rejects.toMatchObject({ code: 'ERR_OWNERSHIP_LOST' })
    await old.queue.close()
    expect(old.errors.map(({ code }) => code)).toEqual(['ERR_OWNERSHIP_LOST'])
    expect(changes.made).toBe(0)
    const owner = await open()
    expect(keysOf(await pullNow(await owner.consumer()))).toEqual(['kept'])
    await owner.queue.close()
  })

  it('notices with the next pull, and at close', async () => {
    const disk = new HookedFileSystem()
    for (const use of [async (old: OpenQueue) => pullNow(await old.consumer()), undefined]) {
      const old = await open({ fileSystem: disk })
      await old.send({})
      await deleteSockets()
      const changes = disk.failCall(Number.POSITIVE_INFINITY, 'EIO')
      if (use) await expect(use(old)).rejects.toMatchObject({ code: 'ERR_OWNERSHIP_LOST' })
      await old.queue.close()
      expect(old.errors.map(({ code }) => code)).toEqual(['ERR_OWNERSHIP_LOST'])
      expect(changes.made).toBe(0)
    }
  })

  it('answers unknown to the group on its way, and no to what waits behind it', async () => {
    const disk = new HookedFileSystem()
    const old = await open({ fileSystem: disk })
    const producer = await old.queue.producer()
    await producer.send([makeStoredRecord()])
    let goOn = (): void => {}
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const written: string[] = []
    disk.hook = async (call, path) => {
      if (call === 'write') written.push(path)
      if (call === 'sync') await held
    }
    const onItsWay = producer.send([makeStoredRecord()])
    await expect.poll(() => written).toHaveLength(1)
    const waiting = producer.send([makeStoredRecord(), makeStoredRecord()])
    await deleteSockets()
    goOn()
    const error = { code: 'ERR_OWNERSHIP_LOST' }
    expect(await onItsWay).toMatchObject([{ durable: 'unknown', error }])
    expect(await waiting).toMatchObject(new Array(2).fill({ durable: 'no', error }))
    await old.queue.close()
    expect(written).toHaveLength(1)
  })

  it('has answered yes to nothing that its next owner does not find', async () => {
    const disk = new HookedFileSystem()
    const old = await open({ fileSystem: disk })
    const producer = await old.queue.producer()
    const durable: string[] = []
    let stopped = false
    const write = async (): Promise<void> => {
      while (!stopped) {
        const record = makeStoredRecord()
        const [outcome] = await producer.send([record])
        if (outcome?.durable === 'yes') durable.push(record.id)
        else stopped = true
      }
    }
    const writers = Array.from({ length: 20 }, write)
    await expect.poll(() => durable.length).toBeGreaterThan(200)
    let isOpen = (): void => {}
    const opened = new Promise<void>((resolve) => {
      isOpen = resolve
    })
    // What is on its way now is written behind what the next owner has read.
    let held = false
    disk.hook = (call) => {
      held ||= call === 'write'
      return call === 'write' ? opened : undefined
    }
    await expect.poll(() => held).toBe(true)
    await deleteSockets()
    const owner = await open()
    isOpen()
    await Promise.all(writers)
    await old.queue.close()
    const found = await pullNow(await owner.consumer(), 1e6)
    const ids = new Set(found.map(({ record }) => record.id))
    expect(durable.filter((id) => !ids.has(id))).toEqual([])
    await owner.queue.close()
  })
})

describe('a process that is killed', () => {
  it('leaves what was certain by then: letters, marks of attempts, and what was not acked', {
    timeout: 60_000,
  }, async () => {
    await mkdir(join(directory, 'q'))
    const certain = { begun: new Set<string>(), dead: new Set<string>(), acking: new Set<string>() }
    for (let round = 0; round < 6; round++) {
      const child = startChild('work', join(directory, 'q'))
      child.on('message', (message: Record<string, string>) => {
        for (const [kind, id] of Object.entries(message)) {
          certain[kind as keyof typeof certain]?.add(id)
        }
      })
      await firstMessage(child)
      await new Promise((resolve) => setTimeout(resolve, 40 + Math.random() * 200))
      await kill(child)
    }
    const opened = await OpenQueue.open({ directory: join(directory, 'q') })
    const letters = await opened.queue.deadLetters()
    expect(certain.dead.size).toBeGreaterThan(5)
    for (const id of certain.dead) expect((await letters?.get(id))?.id).toBe(id)
    const consumer = await opened.consumer()
    const left = new Map(
      (await pullNow(consumer)).map((delivery) => [delivery.record.id, delivery]),
    )
    for (const id of certain.begun) {
      if (certain.acking.has(id)) continue
      const attempts = left.get(id)?.attempts ?? noAttempts
      expect(attempts.spent, `attempts of ${id}`).toBeGreaterThanOrEqual(1)
      expect(attempts.interrupted).toBe(attempts.spent)
    }
    await consumer.close()
    await opened.queue.close()
  })
})
