import { describe, expect, it } from 'vitest'
import { salvageFileQueue } from '../../../../src/queue/file/inspect/salvage-file-queue.ts'
import { salvageReportText } from '../../../../src/queue/file/inspect/salvage-text.ts'
import { makeStoredRecord } from '../../../../src/testing/make-record.ts'
import type { SimulatedFileSystem } from '../../../../src/testing/simulated-file-system.ts'
import { pullNow } from '../support/open-queue.ts'
import { readLog } from '../support/read-log.ts'
import { into, readCursor, salvage, salvageOptions } from './support/salvaged.ts'
import {
  filesOn,
  from,
  newDisk,
  openQueue,
  type QueueFiles,
  sampleQueue,
  targets,
} from './support/sample-queue.ts'
import { placesOfRecords } from './support/truth.ts'

/** The same files, of which one has other bytes there. */
async function withoutRecord(files: QueueFiles, sequence: number): Promise<QueueFiles> {
  const place = (await placesOfRecords(files))[sequence - 1]
  if (place === undefined) throw new Error(`there is no record ${sequence}`)
  return withZeros(files, place.file, place.start, place.end)
}

function withZeros(files: QueueFiles, file: string, start: number, end: number): QueueFiles {
  const bytes = Buffer.from(files.get(file) as Buffer)
  return new Map(files).set(file, bytes.fill(0, start, end))
}

/** Of each target, the keys of what it would still be given. */
async function pendingIn(disk: SimulatedFileSystem, directory: string) {
  const queue = await openQueue(disk, directory)
  const pending: Record<string, readonly string[]> = {}
  for (const target of targets) {
    const consumer = await queue.consumer(target)
    pending[target] = (await pullNow(consumer)).map(({ record }) => record.id)
    await consumer.close()
  }
  await queue.close()
  return pending
}

describe('salvageFileQueue', () => {
  it('copies all of a sound queue, which then delivers what the queue would have', async () => {
    const { files, records, letters } = await sampleQueue('killed')
    const disk = newDisk(files)
    const report = await salvage(disk)
    expect(report).toMatchObject({
      complete: true,
      lost: [],
      copied: {
        records: 12,
        sequences: [{ from: 1, to: 12, became: 1 }],
        cursors: ['cursors/cassandra.cursor', 'cursors/search.cursor'],
        lostCursors: [],
        deadLetters: 1,
      },
    })
    expect((await readLog(into, disk)).map(({ record }) => record)).toEqual(records)
    const queue = await openQueue(disk, into)
    const page = await (await queue.deadLetters())?.list({})
    expect(page?.letters.map(({ id }) => id)).toEqual(letters)
    await queue.close()
    expect(await pendingIn(disk, into)).toEqual(await pendingIn(newDisk(files), from))
  })

  it('changes nothing where it reads', async () => {
    const { files } = await sampleQueue('killed')
    const disk = newDisk(await withoutRecord(files, 2))
    const before = filesOn(disk)
    await salvage(disk)
    expect(filesOn(disk)).toEqual(before)
  })

  it('closes the gaps that lost records leave, and takes the cursors and attempts along', async () => {
    const { files, records } = await sampleQueue('closed')
    const disk = newDisk(await withoutRecord(files, 2))
    const report = await salvage(disk)
    expect(report.copied.sequences).toEqual([
      { from: 1, to: 1, became: 1 },
      { from: 3, to: 12, became: 2 },
    ])
    const writtenBetween = {
      writtenAfter: records[0]?.writtenAt,
      writtenBefore: records[2]?.writtenAt,
    }
    expect(report.lost).toMatchObject([
      { records: { from: 2, to: 2 }, mostRecords: 1, ...writtenBetween },
    ])
    const ids = (await readLog(into, disk)).map(({ record }) => record.id)
    expect(ids).toEqual(records.filter((_, index) => index !== 1).map(({ id }) => id))
    for (const target of targets) {
      const path = `cursors/${target}.cursor`
      const [old, copy] = [
        await readCursor(disk, `${from}/${path}`),
        await readCursor(disk, `${into}/${path}`),
      ]
      for (let sequence = 3; sequence <= 12; sequence++) {
        expect(copy.done.has(sequence - 1)).toBe(old.done.has(sequence))
        expect(copy.tried.get(sequence - 1)).toEqual(old.tried.get(sequence))
      }
    }
  })

  it('tells of each target how many of the lost records it had not had', async () => {
    const { files } = await sampleQueue('closed')
    const lacking = await withoutRecord(await withoutRecord(files, 2), 11)
    const { found } = await salvage(newDisk(lacking))
    // Both had record 2, neither had record 11.
    expect(found.cursors.map(({ target, missed }) => [target, missed])).toEqual([
      ['cassandra', 1],
      ['search', 1],
    ])
  })

  it('lists a segment that is missing with the records that were in it', async () => {
    const { files } = await sampleQueue('closed')
    const left = new Map(files)
    left.delete('segments/000000000002.segment')
    const disk = newDisk(left)
    const { lost, copied } = await salvage(disk)
    const there = (await readLog(into, disk)).length
    expect(lost).toHaveLength(1)
    expect(lost[0]).toMatchObject({
      file: 'segments/000000000002.segment',
      what: 'a segment is missing',
      mostRecords: 12 - there,
      proof: 'segment 3 was begun after it',
    })
    expect(copied.records).toBe(there)
  })

  it('reads the frames of a segment whose header is gone, and of a log without any header', async () => {
    const { files, records } = await sampleQueue('killed')
    let left: QueueFiles = files
    for (const file of files.keys()) {
      if (!file.endsWith('.segment')) continue
      left = withZeros(left, file, 0, 4096)
      const disk = newDisk(left)
      const report = await salvage(disk)
      expect(report.lost).toEqual([])
      expect(report.complete).toBe(false)
      expect((await readLog(into, disk)).map(({ record }) => record)).toEqual(records)
    }
  })

  it('asks for the namespace where no header gives it', async () => {
    const { files } = await sampleQueue('killed')
    let left: QueueFiles = files
    for (const file of files.keys()) {
      if (file.endsWith('.segment')) left = withZeros(left, file, 0, 4096)
    }
    const options = { ...salvageOptions(newDisk(left)), namespace: undefined }
    await expect(salvageFileQueue(options)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  })

  it('leaves out records that were answered no, though the header that voids them is gone', async () => {
    const disk = newDisk()
    const queue = await openQueue(disk)
    const producer = await queue.producer()
    await producer.send([makeStoredRecord({ namespace: 'titles', key: 'kept' })])
    let failed = 0
    disk.fault = ({ kind, path }) => {
      const isWrite = path.endsWith('1.segment') && kind === 'writeDurably'
      return isWrite && failed++ === 0 ? { fail: 'EIO', lands: 1 } : undefined
    }
    const refused = [makeStoredRecord({ namespace: 'titles', key: 'refused' })]
    const later = [makeStoredRecord({ namespace: 'titles', key: 'later' })]
    expect(await producer.send(refused)).toMatchObject([{ durable: 'no' }])
    expect(await producer.send(later)).toMatchObject([{ durable: 'yes' }])
    const files = filesOn(disk)
    const second = 'segments/000000000002.segment'
    const again = newDisk(withZeros(files, second, 0, 4096))
    const { lost } = await salvage(again)
    expect(lost).toEqual([])
    expect((await readLog(into, again)).map(({ record }) => record.key)).toEqual(['kept', 'later'])
  })

  it('gives a target every record again whose cursor cannot be read, and says so', async () => {
    const { files, records } = await sampleQueue('closed')
    const disk = newDisk(new Map(files).set('cursors/search.cursor', Buffer.alloc(200)))
    const { complete, lost, copied } = await salvage(disk)
    expect([complete, lost, copied.lostCursors]).toEqual([false, [], ['cursors/search.cursor']])
    expect((await pendingIn(disk, into))['search']).toEqual(records.map(({ id }) => id))
  })

  it('goes only into a directory that is empty and apart', async () => {
    const { files } = await sampleQueue('closed')
    const disk = newDisk(files)
    disk.put(`${into}/notes.txt`, Buffer.from('mine'))
    await expect(salvage(disk)).rejects.toMatchObject({ code: 'ERR_DIRECTORY_UNSUITABLE' })
    for (const inside of [from, `${from}/copy`, '/wal']) {
      const options = { ...salvageOptions(disk), into: inside }
      await expect(salvageFileQueue(options)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    }
    expect(filesOn(disk)).toEqual(files)
  })

  it('can be aborted, and started over', async () => {
    const { files, records } = await sampleQueue('closed')
    const disk = newDisk(files)
    const controller = new AbortController()
    const onProgress = ({ bytesRead }: { readonly bytesRead: number }) => {
      if (bytesRead > 10_000) controller.abort()
    }
    const options = { ...salvageOptions(disk), signal: controller.signal, onProgress }
    await expect(salvageFileQueue(options)).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    await expect(openQueue(disk, into)).rejects.toMatchObject({ code: 'ERR_SALVAGE_UNFINISHED' })
    expect((await salvage(disk)).complete).toBe(true)
    expect((await readLog(into, disk)).map(({ record }) => record)).toEqual(records)
  })

  it('is told as text', async () => {
    const { files } = await sampleQueue('closed')
    const text = salvageReportText(await salvage(newDisk(await withoutRecord(files, 11))))
    expect(text).toContain('/wal/titles, salvaged into /wal/salvaged: records are lost')
    expect(text).toContain('records       11 copied')
    expect(text).toContain('records 11 (at most 1 record)')
    expect(text).toContain('target        search: done through 3, 7 pending')
  })
})
