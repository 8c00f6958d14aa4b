import { readdir } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import {
  type VerifyFileQueueOptions,
  verifyFileQueue,
} from '../../../../src/queue/file/inspect/verify-file-queue.ts'
import type { VerifyReport } from '../../../../src/queue/file/inspect/verify-report.ts'
import { verifyReportText } from '../../../../src/queue/file/inspect/verify-text.ts'
import type { ReadProgress } from '../../../../src/queue/file/inspect/watched-files.ts'
import { OpenQueue } from '../support/open-queue.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { filesOn, from, newDisk, type QueueFiles, sampleQueue } from './support/sample-queue.ts'
import { placesOfRecords } from './support/truth.ts'

function verify(
  files: QueueFiles,
  options: Partial<VerifyFileQueueOptions> = {},
): Promise<VerifyReport> {
  const isOwned = async (): Promise<boolean> => false
  return verifyFileQueue({ directory: from, fileSystem: newDisk(files), isOwned, ...options })
}

const first = 'segments/000000000001.segment'
const last = 'segments/000000000003.segment'

function cut(files: QueueFiles, file: string, size: number): QueueFiles {
  return new Map(files).set(file, (files.get(file) as Buffer).subarray(0, size))
}

function wrongAt(files: QueueFiles, file: string, ...offsets: readonly number[]): QueueFiles {
  const bytes = Buffer.from(files.get(file) as Buffer)
  for (const at of offsets) bytes[at] = ~(bytes[at] as number)
  return new Map(files).set(file, bytes)
}

describe('verifyFileQueue', () => {
  it('reports what is in a queue', async () => {
    const { files, records } = await sampleQueue('closed')
    const report = await verify(files)
    expect(report).toMatchObject({ ok: true, problems: [], notes: [], directory: from })
    expect(report.owner).toMatchObject({ epoch: 1, pid: process.pid })
    expect(report.log).toMatchObject({
      namespace: 'titles',
      records: 12,
      firstSequence: 1,
      lastSequence: 12,
      highestVersion: records.at(-1)?.version.toString(),
      behindTornTail: 0,
      doubtful: 0,
    })
    expect(report.log.segments.map(({ number, markers }) => [number, markers])).toEqual([
      [1, 0],
      [2, 0],
      [3, 1],
    ])
    expect(report.cursors).toMatchObject([
      {
        target: 'cassandra',
        through: 9,
        highest: 9,
        pending: 3,
        tried: 0,
        underWay: 0,
        missed: 0,
      },
      { target: 'search', through: 3, highest: 7, pending: 7, tried: 0, underWay: 0, missed: 0 },
    ])
    expect(report.deadLetters?.waiting).toEqual({ target: 1 })
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })

  it('takes a torn tail for what it is, and counts what lies behind one', async () => {
    const { files } = await sampleQueue('killed')
    const places = await placesOfRecords(files)
    const inLast = places.filter(({ file }) => file === last)
    const [eleventh, twelfth] = inLast.slice(-2)
    const torn = await verify(cut(files, last, (twelfth?.end ?? 0) - 5))
    expect(torn).toMatchObject({ ok: true, log: { lastSequence: 11, behindTornTail: 0 } })
    expect(torn.notes).toMatchObject([{ file: last, from: twelfth?.start }])
    // One group wrote the last two records: that the second is there proves nothing of the first.
    const middle = await verify(wrongAt(files, last, (eleventh?.start ?? 0) + 30))
    expect(middle).toMatchObject({ ok: true, log: { records: 11, behindTornTail: 1 } })
    expect(middle.notes).toMatchObject([{ file: last, records: { from: 11, to: 11 } }])
  })

  it('takes the same for damage where a cursor has passed it', async () => {
    const { files } = await sampleQueue('killed')
    const places = await placesOfRecords(files)
    const ninth = places[8]
    const shorter = new Map(cut(files, ninth?.file ?? '', ninth?.start ?? 0))
    for (const file of files.keys()) {
      if (file > (ninth?.file ?? '') && file.endsWith('.segment')) shorter.delete(file)
    }
    const { ok, problems } = await verify(shorter)
    expect(ok).toBe(false)
    expect(problems).toMatchObject([
      { records: { from: 9, to: 9 }, proof: 'a cursor has seen record 9' },
    ])
  })

  it('goes on behind each of several places that are damaged', async () => {
    const { files } = await sampleQueue('closed')
    const places = await placesOfRecords(files)
    const offsets = [0, 2].map((index) => (places[index]?.start ?? 0) + 40)
    const { log, problems } = await verify(wrongAt(files, first, ...offsets))
    expect(log.records).toBe(10)
    expect(problems.map(({ records, from }) => [records?.from, from])).toEqual([
      [1, places[0]?.start],
      [3, places[2]?.start],
    ])
  })

  it('reports damaged journals, and an owner.json without which nothing can be opened', async () => {
    const { files } = await sampleQueue('closed')
    const harmed = wrongAt(
      wrongAt(files, 'dead-letters/letters.journal', 60),
      'cursors/search.cursor',
      10,
    )
    const { problems } = await verify(new Map(harmed).set('owner.json', Buffer.from('{')))
    expect(problems.map(({ file }) => file)).toEqual([
      'owner.json',
      'cursors/search.cursor',
      'dead-letters/letters.journal',
    ])
    expect(problems[2]).toMatchObject({ from: 32, mostEntries: 1 })
  })

  it('notes files that are not needed', async () => {
    const { files } = await sampleQueue('closed')
    const more = [
      'cursors/search.cursor.damaged',
      'cursors/a.cursor.new',
      'old.txt',
      'segments/000000000009.segment',
    ]
    const left = new Map(files)
    for (const file of more) left.set(file, Buffer.alloc(0))
    const { ok, notes } = await verify(left)
    expect(ok).toBe(true)
    expect(notes.map(({ file }) => file).sort()).toEqual([...more].sort())
  })

  it('refuses a queue that is open, and leaves no trace', async () => {
    const directory = await temporaryDirectory()
    const opened = await OpenQueue.open({ directory })
    await opened.send({ key: 'a' })
    const before = await readdir(directory)
    const refusal = { code: 'ERR_DIRECTORY_IN_USE', retryable: true }
    await expect(verifyFileQueue({ directory })).rejects.toMatchObject(refusal)
    expect(await readdir(directory)).toEqual(before)
    await opened.queue.close()
    expect((await verifyFileQueue({ directory })).log.records).toBe(1)
  })

  it('rejects where the queue was opened while it was read', async () => {
    const { files } = await sampleQueue('closed')
    const disk = newDisk(files)
    const onProgress = () => disk.put(`${from}/owner.json`, Buffer.from('{"epoch": 2}'))
    const verifying = verify(files, { fileSystem: disk, onProgress })
    await expect(verifying).rejects.toMatchObject({ code: 'ERR_DIRECTORY_IN_USE' })
  })

  it('names the directory that may have been meant', async () => {
    const directory = await temporaryDirectory()
    const opened = await OpenQueue.open({ directory: `${directory}/titles` })
    await opened.queue.close()
    await expect(verifyFileQueue({ directory })).rejects.toMatchObject({
      code: 'ERR_NOT_A_LOG',
      message: expect.stringContaining('One of those in it is meant: titles.'),
    })
    await expect(verifyFileQueue({ directory: `${directory}/none` })).rejects.toMatchObject({
      code: 'ERR_NOT_A_LOG',
      message: expect.stringContaining('Check the path.'),
    })
  })

  it('takes for a queue what has lost its owner and all of its log', async () => {
    const { files } = await sampleQueue('closed')
    const left = [...files].filter(([file]) => !/^(owner|segments)/.test(file))
    const { ok, deadLetters } = await verify(new Map(left))
    expect({ ok, deadLetters }).toMatchObject({
      ok: false,
      deadLetters: { waiting: { target: 1 } },
    })
  })

  it('tells how far it has got, up to the last byte', async () => {
    const { files } = await sampleQueue('closed')
    const seen: ReadProgress[] = []
    await verify(files, { onProgress: (progress) => seen.push(progress) })
    const counted = [...files].filter(([file]) => file !== 'owner.json')
    const bytes = counted.reduce((sum, [, { length }]) => sum + length, 0)
    expect(seen.at(-1)).toEqual({ bytesRead: bytes, bytesTotal: bytes })
    const rises = seen.every(({ bytesRead }, at) => bytesRead > (seen[at - 1]?.bytesRead ?? 0))
    expect(rises).toBe(true)
  })

  it('ends with its signal', async () => {
    const { files } = await sampleQueue('closed')
    const reason = new Error('enough')
    const verifying = verify(files, { signal: AbortSignal.abort(reason) })
    await expect(verifying).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: reason })
  })

  it('changes nothing', async () => {
    const { files } = await sampleQueue('killed')
    const disk = newDisk(files)
    await verify(files, { fileSystem: disk })
    expect(filesOn(disk)).toEqual(files)
    const kinds = [
      'create',
      'rename',
      'remove',
      'write',
      'truncate',
      'sync',
      'makeDirectory',
    ] as const
    expect(kinds.map((kind) => disk.calls(kind))).toEqual(kinds.map(() => 0))
  })

  it('is told as text', async () => {
    const { files } = await sampleQueue('closed')
    expect(verifyReportText(await verify(files))).toContain('/wal/titles: sound\n')
    const second = (await placesOfRecords(files))[1]
    const text = verifyReportText(await verify(wrongAt(files, first, second?.start ?? 0)))
    expect(text).toContain(
      ['/wal/titles: 1 problem', '', 'last owner    epoch 1, since '].join('\n'),
    )
    expect(text).toContain(
      [
        'Problems',
        `- ${first}, ${second?.start} to ${(await placesOfRecords(files))[2]?.start}: records are damaged`,
        '  records 2 (at most 1 record)',
        '  written between 20',
      ].join('\n'),
    )
  })
})
