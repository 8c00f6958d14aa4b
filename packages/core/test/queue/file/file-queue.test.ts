import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { noAttempts } from '../../../src/consumer/consumer.ts'
import { fileQueue } from '../../../src/queue/file/file-queue.ts'
import { recordBound } from '../../../src/queue/file/record-format.ts'
import type { QueueContext } from '../../../src/queue/queue.ts'
import { systemRandom } from '../../../src/random.ts'
import { makeDeadLetter, makeStoredRecord } from '../../../src/testing/make-record.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { diskFailure, HookedFileSystem } from './support/hooked-file-system.ts'
import { openLock } from './support/open-lock.ts'
import { keysOf, OpenQueue, type OpenQueueOptions, pullNow } from './support/open-queue.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

const script = join(import.meta.dirname, 'support/queue-child.ts')
/** Nobody. */
const otherUser = 65_534

let directory: string

beforeEach(async () => {
  directory = await temporaryDirectory()
})

function open(options: OpenQueueOptions = {}): Promise<OpenQueue> {
  return OpenQueue.open({ directory, ...options })
}

function startChild(mode: string, place = directory, options = {}): ChildProcess {
  return fork(script, [place, mode], { execArgv: [], ...options })
}

async function firstMessage(child: ChildProcess): Promise<unknown> {
  const [message] = await once(child, 'message')
  return message
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

describe('fileQueue', () => {
  it('keeps everything in one private directory, named after the namespace', async () => {
    const opened = await OpenQueue.open({
      directory: join(directory, 'new', 'titles'),
      segmentBytes: '1mb',
    })
    await opened.send({})
    const home = join(directory, 'new', 'titles')
    const names = (await readdir(home)).map((name) => name.replace(/[0-9a-f]{16}/, '…'))
    expect(names.sort()).toEqual([
      'cursors',
      'dead-letters',
      'owner-….sock',
      'owner.json',
      'segments',
    ])
    const all = await readdir(home, { recursive: true, withFileTypes: true })
    for (const entry of all.filter((each) => !each.isSocket())) {
      const { mode } = await stat(join(entry.parentPath, entry.name))
      expect((mode & 0o777).toString(8), entry.name).toBe(entry.isDirectory() ? '700' : '600')
    }
    await opened.queue.close()
  })

  it('takes the directory of the wal, with the namespace as a name that is safe', async () => {
    const queue = fileQueue()
    const context = {
      namespace: '../Titles',
      targets: ['../search'],
      directory,
      clock: new VirtualClock(),
      random: systemRandom,
      reportError: () => {},
    }
    await queue.open(context)
    expect(await readdir(directory)).toEqual(['%2e.%2f%54itles'])
    expect(await readdir(join(directory, '%2e.%2f%54itles/cursors'))).toEqual([
      '%2e.%2fsearch.cursor',
    ])
    await queue.close()
  })

  it('starts a new target at the oldest record, and goes on with one that comes back', async () => {
    let opened = await open()
    await opened.send({ key: 'a' }, { key: 'b' })
    const consumer = await opened.consumer()
    await consumer.ack(await pullNow(consumer, 1))
    await consumer.close()
    await opened.queue.close()
    opened = await open({ targets: ['cassandra'] })
    expect(keysOf(await pullNow(await opened.consumer('cassandra')))).toEqual(['a', 'b'])
    await opened.queue.close()
    opened = await open({ targets: ['cassandra', 'search'] })
    expect(keysOf(await pullNow(await opened.consumer('search')))).toEqual(['b'])
    await opened.queue.close()
  })

  it('tells the highest version, be it in the log or among the dead letters', async () => {
    let opened = await open()
    expect(opened.queue.highestVersion?.()).toBeUndefined()
    await opened.send({ version: 7n })
    const letters = await opened.queue.deadLetters()
    await letters?.put([makeDeadLetter({ record: makeStoredRecord({ version: 9n }) })])
    expect(opened.queue.highestVersion?.()).toBe(9n)
    await opened.queue.close()
    opened = await open()
    expect(opened.queue.highestVersion?.()).toBe(9n)
    await opened.queue.close()
  })

  it('can be opened again after close, and gives its dead letters again after they were closed', async () => {
    const opened = await open()
    await (await opened.queue.deadLetters())?.close()
    const letter = makeDeadLetter()
    await (await opened.queue.deadLetters())?.put([letter])
    await opened.queue.close()
    await opened.queue.close()
    const again = await open()
    expect(await (await again.queue.deadLetters())?.get(letter.id)).toMatchObject({ id: letter.id })
    await again.queue.close()
    expect((await readdir(directory)).filter((name) => name.endsWith('.sock'))).toEqual([])
  })

  it('hands out nothing more once it is closed, also to a consumer that was not closed', async () => {
    let opened = await open()
    await opened.send({ key: 'a' }, { key: 'b' })
    const consumer = await opened.consumer()
    expect(keysOf(await pullNow(consumer, 1))).toEqual(['a'])
    await opened.queue.close()
    await expect(pullNow(consumer)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    opened = await open()
    expect(keysOf(await pullNow(await opened.consumer()))).toEqual(['a', 'b'])
    await opened.queue.close()
  })

  it('refuses what it cannot do, each by its code', async () => {
    const opened = await open()
    await expect(opened.consumer('nobody')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_TARGET' })
    await opened.consumer()
    await expect(opened.consumer()).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    await opened.queue.close()
    await expect(opened.queue.producer()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    expect(() => fileQueue({ segmentBytes: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_SIZE' }),
    )
    await expect(OpenQueue.open({})).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  })

  it('answers for each record of a batch with one that is too large', async () => {
    const opened = await open()
    const producer = await opened.queue.producer()
    const large = makeStoredRecord({
      payload: new Uint8Array(opened.queue.supports.largestRecordBytes),
    })
    const outcomes = await producer.send([makeStoredRecord(), large, makeStoredRecord()])
    expect(outcomes.map(({ durable, error }) => [durable, error?.code])).toEqual([
      ['yes', undefined],
      ['no', 'ERR_PAYLOAD_TOO_LARGE'],
      ['yes', undefined],
    ])
    await opened.queue.close()
  })

  it('takes a redriven record that was as large as any, though it names its target now', async () => {
    const opened = await open()
    const producer = await opened.queue.producer()
    const { largestRecordBytes } = opened.queue.supports
    const fields = recordBound(makeStoredRecord({ payload: undefined }))
    const record = makeStoredRecord({ payload: new Uint8Array(largestRecordBytes - fields) })
    const redriven = { ...record, target: 'target', attemptEpoch: 1 }
    const outcomes = await producer.send([record, redriven, { ...redriven, attemptEpoch: 0 }])
    expect(outcomes.map(({ durable }) => durable)).toEqual(['yes', 'yes', 'no'])
    await opened.queue.close()
  })
})

describe('opening a file queue', () => {
  it('names the holder of a directory that is in use', async () => {
    const child = startChild('open')
    expect(await firstMessage(child)).toBe('open')
    const error = await open().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_DIRECTORY_IN_USE' })
    expect(String(error)).toContain(`process ${child.pid}`)
    expect(String(error)).toContain(directory)
    await kill(child)
    const opened = await open()
    const epochs = await epochOf(directory)
    expect(epochs).toBe(2)
    await opened.queue.close()
  })

  it('raises the epoch with each owner, and loses none to a crash in between', async () => {
    const disk = new HookedFileSystem()
    let highest = 0
    for (let nth = 1; nth <= 8; nth++) {
      const count = disk.failCall(nth, 'EIO')
      const opened = await open({ fileSystem: disk }).catch(() => undefined)
      disk.hook = () => {}
      await opened?.queue.close()
      expect(count.made).toBeGreaterThanOrEqual(nth)
      const again = await open({ fileSystem: disk })
      const epoch = await epochOf(directory)
      expect(epoch).toBeGreaterThan(highest)
      highest = epoch
      await again.queue.close()
    }
  })

  it('refuses a directory it has no right to', async () => {
    await chmod(directory, 0o500)
    const isRoot = process.getuid?.() === 0
    const place = join(directory, 'titles')
    const failure = isRoot
      ? await firstMessage(startChild('open', place, { uid: otherUser, gid: otherUser }))
      : await OpenQueue.open({ directory: place }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'ERR_DIRECTORY_DENIED' })
    expect(String((failure as Error).message)).toContain(place)
  })

  it('refuses a file where its directory should be, or above it', async () => {
    const file = join(directory, 'file')
    await writeFile(file, '')
    for (const place of [file, join(file, 'titles')]) {
      await expect(OpenQueue.open({ directory: place })).rejects.toMatchObject({
        code: 'ERR_DIRECTORY_UNSUITABLE',
      })
    }
  })

  for (const [errno, code] of [
    ['ENOSPC', 'ERR_DISK_FULL'],
    ['EDQUOT', 'ERR_DISK_FULL'],
    ['EROFS', 'ERR_DIRECTORY_DENIED'],
    ['EIO', 'ERR_IO'],
  ] as const) {
    it(`answers ${errno} at any call with ${code}, and opens once that is over`, async () => {
      const disk = new HookedFileSystem()
      const failing = { fileSystem: disk, lock: openLock }
      let made = 1
      for (let nth = 1; nth <= made; nth++) {
        directory = await temporaryDirectory()
        const count = disk.failCall(nth, errno)
        const outcome = await open(failing).catch((error: unknown) => error)
        made = Math.max(made, count.made + (outcome instanceof OpenQueue ? 0 : 1))
        disk.hook = () => {}
        if (outcome instanceof OpenQueue) await outcome.queue.close()
        else expect(outcome, `call ${nth}`).toMatchObject({ code })
        const opened = await open(failing)
        await opened.send({ key: 'a' })
        expect(keysOf(await pullNow(await opened.consumer()))).toEqual(['a'])
        await opened.queue.close()
      }
      expect(made, 'calls that an open makes').toBeGreaterThan(15)
    })
  }

  it('lets go of the lock when it fails', async () => {
    const disk = new HookedFileSystem()
    disk.hook = (call, path) => {
      if (call === 'create' && path.includes('dead-letters')) throw diskFailure('ENOSPC', call)
    }
    await expect(open({ fileSystem: disk })).rejects.toMatchObject({ code: 'ERR_DISK_FULL' })
    disk.hook = () => {}
    const opened = await open({ fileSystem: disk })
    await opened.queue.close()
  })

  it('refuses files of a later format', async () => {
    const opened = await open()
    await opened.queue.close()
    const path = join(directory, 'dead-letters/letters.journal')
    const bytes = await readFile(path)
    bytes.writeUInt32LE(77, 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28)
    await writeFile(path, bytes)
    await expect(open()).rejects.toMatchObject({ code: 'ERR_FUTURE_FORMAT' })
  })

  it('refuses a damaged owner.json, and says what to do', async () => {
    await (await open()).queue.close()
    await writeFile(join(directory, 'owner.json'), '{"epoch":')
    await expect(open()).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
  })

  it('refuses a log that ends before what a target has been given', async () => {
    const opened = await open()
    await opened.send({}, {}, {})
    const consumer = await opened.consumer()
    await consumer.ack(await pullNow(consumer))
    await consumer.close()
    await opened.queue.close()
    await rm(join(directory, 'segments'), { recursive: true })
    await expect(open()).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
    // The proof is as good if the target is no longer configured.
    await expect(open({ targets: ['cassandra'] })).rejects.toMatchObject({
      code: 'ERR_CORRUPT_LOG',
    })
    await rm(join(directory, 'cursors'), { recursive: true })
    const again = await open()
    await again.send({ key: 'new' })
    expect(keysOf(await pullNow(await again.consumer()))).toEqual(['new'])
    await again.queue.close()
  })
})

describe('a file queue that is opened twice', () => {
  it('refuses the second, also where the first is still on its way', async () => {
    const queue = fileQueue()
    const context = (namespace: string): QueueContext => ({
      namespace,
      targets: ['search'],
      directory,
      clock: new VirtualClock(),
      random: systemRandom,
      reportError() {},
    })
    const opens = await Promise.allSettled([queue.open(context('a')), queue.open(context('b'))])
    expect(opens).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'ERR_CONFIG' } },
    ])
    await expect(queue.open(context('b'))).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    await queue.close()
    await queue.open(context('b'))
    await queue.close()
    expect(await readdir(directory)).toEqual(['a', 'b'])
  })
})

describe('a listener of errors that throws', () => {
  it('is heard of, and stops neither the queue nor its end', async () => {
    const thrown: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => thrown.push(error))
    try {
      const disk = new HookedFileSystem()
      const queue = fileQueue({ directory, fileSystem: disk })
      await queue.open({
        namespace: 'titles',
        targets: ['search'],
        directory: undefined,
        clock: new VirtualClock(),
        random: systemRandom,
        reportError: ({ code }) => {
          throw new Error(`a listener that cannot stand ${code}`)
        },
      })
      const producer = await queue.producer()
      await producer.send([makeStoredRecord()])
      disk.hook = (call, path) => {
        if (call === 'sync' && path.endsWith('1.segment')) throw diskFailure('EIO', call)
      }
      expect(await producer.send([makeStoredRecord()])).toMatchObject([{ durable: 'no' }])
      expect(await producer.send([makeStoredRecord()])).toEqual([{ durable: 'yes' }])
      await queue.close()
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
    expect(thrown).toEqual([new Error('a listener that cannot stand ERR_IO')])
  })
})

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

async function epochOf(place: string): Promise<number> {
  return JSON.parse(await readFile(join(place, 'owner.json'), 'utf8')).epoch
}
