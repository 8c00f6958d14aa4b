import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fileQueue } from '../../../src/queue/file/file-queue.ts'
import { recordBound } from '../../../src/queue/file/record-format.ts'
import { systemRandom } from '../../../src/random.ts'
import { makeDeadLetter, makeStoredRecord } from '../../../src/testing/make-record.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { directory, open } from './support/file-queue-setup.ts'
import { diskFailure, HookedFileSystem } from './support/hooked-file-system.ts'
import { keysOf, OpenQueue, pullNow } from './support/open-queue.ts'

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
