import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { isWalError, permanent } from '../../src/index.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import { expectDelivered, openFilms, storedTitles } from './support/films-wal.ts'

/** Leaves a log behind of which one record is applied, one is a dead letter, and three are left. */
async function storeSome(directory: string): Promise<void> {
  const { wal, films } = await openFilms(directory, {
    targets: {
      store: {
        idempotency: 'version',
        async apply(records) {
          return records.map(({ key }) =>
            key === 'dead' ? permanent('DEAD', 'never') : { status: 'applied' },
          )
        },
      },
    },
  })
  await films.write({ key: 'applied', payload: { title: 'applied' } })
  await films.write({ key: 'dead', payload: { title: 'dead' } })
  await wal.start()
  await wal.drain()
  await wal.close()
  const { wal: next, films: more } = await openFilms(directory)
  for (const title of storedTitles) await more.write({ key: title, payload: { title } })
  await next.close()
}

async function onlyFile(directory: string, part: string): Promise<string> {
  const names = await readdir(join(directory, 'films', part))
  expect(names).toHaveLength(1)
  return join(directory, 'films', part, names[0] ?? '')
}

/** Everything is there: what was left to deliver, and the dead letter. */
async function expectWhole(directory: string): Promise<void> {
  const { wal, films } = await openFilms(directory)
  const { letters } = await films.deadLetters.list()
  expect(letters.map(({ code, record }) => [code, record?.key])).toEqual([['DEAD', 'dead']])
  await expectDelivered(wal, directory, storedTitles)
}

/** While a file is not as it should be, opening is refused with this, and changes nothing at all. */
async function expectRefused(
  directory: string,
  path: string,
  change: (bytes: Buffer) => Buffer,
  code: string,
  message: RegExp,
): Promise<void> {
  const before = await readFile(path)
  await writeFile(path, change(Buffer.from(before)))
  const changed = await everyFile(directory)
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = await openFilms(directory).catch((reason: unknown) => reason)
    expect(isWalError(error) ? error.code : error).toBe(code)
    expect(error).toMatchObject({ retryable: false, message: expect.stringContaining(path) })
    expect((error as Error).message).toMatch(message)
  }
  expect(await everyFile(directory)).toEqual(changed)
  await writeFile(path, before)
}

/** Of every file but the owner's, which is written at each opening. */
async function everyFile(directory: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'owner.json') continue
    const path = join(entry.parentPath, entry.name)
    files.set(path, (await readFile(path)).toString('base64'))
  }
  return files
}

/** A header as a later version of the library would write it; the checksum's place never changes. */
function fromTheFuture(bytes: Buffer, checksumAt: number): Buffer {
  bytes.writeUInt32LE(7, 8)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, checksumAt)), checksumAt)
  return bytes
}

describe('a log from a future format version', () => {
  it.each([
    ['segments', 4092],
    ['cursors', 28],
    ['dead-letters', 28],
  ] as const)('is refused for one of its %s, and is whole afterwards', async (part, checksumAt) => {
    const directory = await temporaryDirectory()
    await storeSome(directory)
    await expectRefused(
      directory,
      await onlyFile(directory, part),
      (bytes) => fromTheFuture(bytes, checksumAt),
      'ERR_FUTURE_FORMAT',
      /format version 7/,
    )
    await expectWhole(directory)
  })
})

describe('a file of somebody else', () => {
  const picture = Buffer.concat([Buffer.from('GIF89a'), Buffer.alloc(10_000, 0x21)])

  it('is refused in place of a segment, and is not touched', async () => {
    const directory = await temporaryDirectory()
    await storeSome(directory)
    const segment = await onlyFile(directory, 'segments')
    await expectRefused(directory, segment, () => picture, 'ERR_NOT_A_LOG', /not a segment/)
    await expectWhole(directory)
  })

  it('is refused where it pretends to be the segment after the last', async () => {
    const directory = await temporaryDirectory()
    await storeSome(directory)
    const segment = await onlyFile(directory, 'segments')
    const next = segment.replace(/1(?=\.segment$)/, '2')
    await writeFile(next, '')
    await expectRefused(directory, next, () => picture, 'ERR_NOT_A_LOG', /not a segment/)
    await expectWhole(directory)
  })

  it('is refused in place of the dead letters, and is not touched', async () => {
    const directory = await temporaryDirectory()
    await storeSome(directory)
    const letters = await onlyFile(directory, 'dead-letters')
    await expectRefused(directory, letters, () => picture, 'ERR_NOT_A_LOG', /not a journal/)
    await expectWhole(directory)
  })

  it('takes nothing away in place of a cursor: it is kept aside, and all but the dead is delivered again', async () => {
    const directory = await temporaryDirectory()
    await storeSome(directory)
    const cursor = await onlyFile(directory, 'cursors')
    await writeFile(cursor, picture)
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => emitWarning.mockRestore())
    const { wal } = await openFilms(directory)
    expect(emitWarning.mock.calls).toEqual([
      [expect.stringContaining(cursor), expect.objectContaining({ code: 'ERR_CORRUPT_LOG' })],
    ])
    await expectDelivered(wal, directory, ['applied', ...storedTitles])
    const aside = (await readdir(join(cursor, '..'))).find((name) => name.endsWith('.damaged'))
    expect(await readFile(join(cursor, '..', aside ?? ''))).toEqual(picture)
  })

  it('is no matter beside the log, whatever it is called', async () => {
    const directory = await temporaryDirectory()
    await storeSome(directory)
    const names = ['README', 'segments/notes.txt', 'segments/1.segment.bak', 'dead-letters/.keep']
    for (const name of names) await writeFile(join(directory, 'films', name), 'mine')
    await expectWhole(directory)
    for (const name of names) {
      expect(await readFile(join(directory, 'films', name), 'utf8')).toBe('mine')
    }
  })
})
