import { copyFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { Journal, type JournalOptions } from '../../../src/queue/file/journal.ts'
import { encodeHeader, headerBytes } from '../../../src/queue/file/journal-format.ts'
import { systemRandom } from '../../../src/random.ts'
import { diskFailure, HookedFileSystem } from './support/hooked-file-system.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

let directory: string
let disk: HookedFileSystem
let path: string

beforeEach(async () => {
  directory = await temporaryDirectory()
  disk = new HookedFileSystem()
  path = join(directory, 'test.journal')
})

interface Opened {
  readonly journal: Journal
  readonly damage: Error | undefined
  /** What it held when it was opened. */
  readonly texts: string[]
}

async function open(options: Partial<JournalOptions> = {}): Promise<Opened> {
  const texts: string[] = []
  const { journal, damage } = await Journal.open({
    directory,
    name: 'test.journal',
    kind: 'dead',
    fileSystem: disk,
    random: systemRandom,
    damage: 'refuse',
    replay: (body) => texts.push(body.toString()),
    ...options,
  })
  return { journal, damage, texts }
}

function bodies(...texts: string[]): () => readonly Uint8Array[] {
  return () => texts.map((text) => Buffer.from(text))
}

function lasting(journal: Journal, ...texts: string[]): Promise<void> {
  return journal.append(bodies(...texts), { lasting: true })
}

/** A journal of these entries, each group synced, as a process that was killed leaves it. */
async function killedJournal(...groups: string[][]): Promise<Buffer> {
  const { journal } = await open()
  for (const group of groups) await lasting(journal, ...group)
  const bytes = await readFile(path)
  await journal.abandon()
  return bytes
}

describe('Journal', () => {
  it('gives back what was appended, in its order', async () => {
    const first = await open()
    expect(first.texts).toEqual([])
    await Promise.all([lasting(first.journal, 'a', ''), lasting(first.journal, 'b'.repeat(5000))])
    await first.journal.append(bodies('not synced'))
    await first.journal.close()
    const second = await open()
    expect(second.texts).toEqual(['a', 'b'.repeat(5000), 'not synced'])
    await lasting(second.journal, 'c')
    await second.journal.close()
    expect((await open()).texts).toEqual(['a', 'b'.repeat(5000), 'not synced', 'c'])
  })

  it('writes what comes while a write is on its way in one go', async () => {
    const { journal } = await open()
    const calls: string[] = []
    disk.hook = (call) => void calls.push(call)
    const taken: string[] = []
    const note = (text: string) => () => {
      taken.push(text)
      return [Buffer.from(text)]
    }
    const appends = ['a', 'b', 'c', 'd'].map((text) =>
      journal.append(note(text), { lasting: true }),
    )
    await appends[0]
    appends.push(lasting(journal, 'e'), lasting(journal, 'f'))
    await Promise.all(appends)
    expect(taken).toEqual(['a', 'b', 'c', 'd'])
    expect(calls).toEqual(['write', 'sync', 'write', 'sync'])
    await journal.close()
    expect((await open()).texts.join('')).toBe('abcdef')
  })

  it('tells where each body went, and reads it again from there', async () => {
    const { journal } = await open()
    const places = new Map<string, number>()
    const texts = ['one', 'twenty two', 'x'.repeat(3000)]
    const written = (offsets: readonly number[]): void => {
      for (const [at, text] of texts.entries()) places.set(text, offsets[at] as number)
    }
    await journal.append(bodies(...texts), { written })
    for (const [text, offset] of places) {
      expect((await journal.read(offset, text.length)).toString()).toBe(text)
    }
    await expect(journal.read(headerBytes + 8, 3)).rejects.toMatchObject({
      code: 'ERR_CORRUPT_LOG',
    })
  })

  it('moves to a new file, and keeps what is appended meanwhile', async () => {
    const { journal } = await open()
    await lasting(journal, 'old', 'gone')
    const before = journal.bytes
    let moved: readonly number[] = []
    const rewriting = journal.rewrite({
      contents: () => [Buffer.from('kept')],
      moved: (offsets) => {
        moved = offsets
      },
    })
    await Promise.all([rewriting, lasting(journal, 'late')])
    expect(moved).toEqual([headerBytes])
    expect(journal.bytes).toBeLessThanOrEqual(before)
    expect((await journal.read(headerBytes, 4)).toString()).toBe('kept')
    await journal.close()
    expect(await readdir(directory)).toEqual(['test.journal'])
    expect((await open()).texts).toEqual(['kept', 'late'])
  })

  it('reads from the old file what was asked for before it moved', async () => {
    const { journal } = await open()
    await lasting(journal, 'first', 'second')
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    disk.hook = (call) => (call === 'read' ? held : undefined)
    const reading = journal.read(headerBytes, 5)
    await journal.rewrite({ contents: () => [Buffer.from('other')] })
    release()
    expect((await reading).toString()).toBe('first')
  })

  it('cuts a torn tail at every byte, and goes on', async () => {
    const bytes = await killedJournal(['first'], ['second', 'third'])
    const start = bytes.indexOf('second') - 16
    for (let size = start; size < bytes.byteLength; size++) {
      await writeFile(path, bytes.subarray(0, size))
      const { journal, texts } = await open()
      // An entry is whole without the zeros that fill it up.
      const whole = size >= start + 22 ? ['first', 'second'] : ['first']
      expect(texts, `cut at ${size}`).toEqual(
        size >= bytes.byteLength - 3 ? [...whole, 'third'] : whole,
      )
      await lasting(journal, 'next')
      await journal.abandon()
      const again = await open()
      expect(again.texts.at(-1)).toBe('next')
      await again.journal.abandon()
    }
  })

  it('takes a tail of zeros or garbage for torn', async () => {
    const bytes = await killedJournal(['first'], ['second'])
    const start = bytes.indexOf('second') - 16
    for (const tail of [Buffer.alloc(4096), Buffer.alloc(4096, 0xff), Buffer.from('rubbish')]) {
      await writeFile(path, Buffer.concat([bytes.subarray(0, start), tail]))
      const { journal, texts } = await open()
      expect(texts).toEqual(['first'])
      await journal.abandon()
    }
  })

  it('takes entries for torn that were written with a later one that is whole', async () => {
    const bytes = await killedJournal(['first'], ['second', 'third'])
    bytes[bytes.indexOf('second')] = 0
    await writeFile(path, bytes)
    expect((await open()).texts).toEqual(['first'])
  })

  it('takes entries for torn that no sync stands behind, though a later write is whole', async () => {
    const { journal } = await open()
    await lasting(journal, 'first')
    await journal.append(bodies('second'))
    await journal.append(bodies('third'))
    const bytes = await readFile(path)
    await journal.abandon()
    bytes[bytes.indexOf('second')] = 0
    await writeFile(path, bytes)
    expect((await open()).texts).toEqual(['first'])
  })

  it('refuses to open where damaged bytes are known to have been synced, and changes nothing', async () => {
    const bytes = await killedJournal(['first'], ['second'], ['third'])
    const end = bytes.indexOf('third') - 16
    for (let at = headerBytes; at < end; at++) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 0x40
      // The zeros that fill up an entry are nobody's.
      const isFilling = (at >= headerBytes + 21 && at < headerBytes + 24) || at >= end - 2
      await writeFile(path, flipped)
      const opened = open()
      if (isFilling) await (await opened).journal.abandon()
      else await expect(opened, `flipped ${at}`).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
      expect(await readFile(path)).toEqual(flipped)
    }
  })

  it('knows after a clean close that the last entries were synced', async () => {
    const { journal } = await open()
    await lasting(journal, 'only')
    await journal.close()
    const bytes = await readFile(path)
    bytes[bytes.indexOf('only')] = 0
    await writeFile(path, bytes)
    await expect(open()).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
  })

  it('falls back to what came before the damage where it may, and says so', async () => {
    const bytes = await killedJournal(['first'], ['second'], ['third'])
    bytes[bytes.indexOf('second')] = 0
    await writeFile(path, bytes)
    const { journal, texts, damage } = await open({ damage: 'cut' })
    expect(texts).toEqual(['first'])
    expect(damage).toMatchObject({ code: 'ERR_CORRUPT_LOG' })
    await lasting(journal, 'next')
    await journal.close()
    const again = await open({ damage: 'cut' })
    expect(again.texts).toEqual(['first', 'next'])
    expect(again.damage).toBeUndefined()
  })

  it('keeps a file with a damaged header aside where it may, and starts anew', async () => {
    const bytes = await killedJournal(['first'])
    for (const at of [0, 12, 17, 28]) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      await writeFile(path, flipped)
      await expect(open()).rejects.toMatchObject({ code: /ERR_NOT_A_LOG|ERR_CORRUPT_LOG/ })
      const { journal, texts, damage } = await open({ damage: 'cut' })
      expect(texts).toEqual([])
      expect(damage?.message).toContain(path)
      expect(await readFile(`${path}.damaged`)).toEqual(flipped)
      await journal.abandon()
    }
  })

  it('refuses a file of a later format, and one that is no journal, in any case', async () => {
    const later = encodeHeader('dead', 1)
    later.writeUInt32LE(2, 8)
    const { crc32 } = await import('node:zlib')
    later.writeUInt32LE(crc32(later.subarray(0, 28)), 28)
    await writeFile(path, later)
    for (const damage of ['refuse', 'cut'] as const) {
      await expect(open({ damage })).rejects.toMatchObject({ code: 'ERR_FUTURE_FORMAT' })
    }
    await writeFile(path, 'a shopping list\n'.repeat(10))
    await expect(open()).rejects.toMatchObject({ code: 'ERR_NOT_A_LOG' })
    await truncate(path, 0)
    await expect(open()).rejects.toMatchObject({ code: 'ERR_NOT_A_LOG' })
  })

  it('does not take entries of another journal for its own', async () => {
    const one = await killedJournal(['mine'])
    await copyFile(path, `${path}.other`)
    await writeFile(path, encodeHeader('dead', 1))
    const other = await killedJournal(['yours'], ['yours too'])
    await writeFile(path, Buffer.concat([one, other.subarray(one.byteLength)]))
    expect((await open()).texts).toEqual(['mine'])
  })

  it('writes the last bytes once more when it opens, for their sync may have failed', async () => {
    const bytes = await killedJournal(['first'], ['second'])
    const calls: string[] = []
    disk.hook = (call) => void calls.push(call)
    const { journal } = await open()
    expect(calls.slice(-2)).toEqual(['write', 'sync'])
    await journal.abandon()
    expect(await readFile(path)).toEqual(bytes)
  })

  for (const call of ['write', 'sync'] as const) {
    it(`takes no more appends after a failed ${call}, until it is rewritten`, async () => {
      const { journal } = await open()
      await lasting(journal, 'before')
      disk.hook = (made) => {
        if (made === call) throw diskFailure('EIO', call)
      }
      const failed = lasting(journal, 'lost')
      await expect(failed).rejects.toMatchObject({ code: 'ERR_IO' })
      disk.hook = () => {}
      expect(journal.broken).toBe(true)
      await expect(lasting(journal, 'refused')).rejects.toMatchObject({ code: 'ERR_IO' })
      await journal.rewrite({ contents: bodies('before') })
      expect(journal.broken).toBe(false)
      await lasting(journal, 'after')
      await journal.close()
      expect((await open()).texts).toEqual(['before', 'after'])
    })
  }

  it('says that the disk is full', async () => {
    const { journal } = await open()
    disk.hook = () => {
      throw diskFailure('ENOSPC', 'write')
    }
    await expect(lasting(journal, 'x')).rejects.toMatchObject({
      code: 'ERR_DISK_FULL',
      retryable: true,
    })
  })

  it('is as sound as before where a rewrite fails before the rename, and gives back the room', async () => {
    for (const call of ['create', 'write', 'sync'] as const) {
      const { journal } = await open()
      await lasting(journal, call)
      disk.hook = (made, at) => {
        if (made === call && at.endsWith('.new')) throw diskFailure('ENOSPC', call)
      }
      await expect(journal.rewrite({ contents: bodies('new') })).rejects.toMatchObject({
        code: 'ERR_DISK_FULL',
      })
      expect(await readdir(directory)).toEqual(['test.journal'])
      expect(journal.broken).toBe(false)
      await lasting(journal, `after ${call}`)
      await journal.close()
      disk.hook = () => {}
    }
    const { texts } = await open()
    expect(texts).toEqual(['create', 'write', 'sync'].flatMap((call) => [call, `after ${call}`]))
  })

  it('is broken where a rewrite fails at the rename or at making it last', async () => {
    for (const call of ['rename', 'syncDirectory'] as const) {
      const { journal } = await open()
      disk.hook = (made) => {
        if (made === call) throw diskFailure('EIO', call)
      }
      await expect(journal.rewrite({ contents: bodies('new') })).rejects.toThrow()
      expect(journal.broken).toBe(true)
      disk.hook = () => {}
      await journal.rewrite({ contents: bodies('newer') })
      await journal.close()
      const again = await open()
      expect(again.texts).toEqual(['newer'])
      await again.journal.close()
    }
  })

  it('refuses appends and rewrites after close, and closes once', async () => {
    const { journal } = await open()
    const last = journal.append(bodies('last'))
    await Promise.all([journal.close(), journal.close()])
    await last
    await expect(lasting(journal, 'x')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(journal.rewrite({ contents: bodies() })).rejects.toMatchObject({
      code: 'ERR_CLOSED',
    })
    expect((await open()).texts).toEqual(['last'])
  })

  it('removes a new file that a crash left half written', async () => {
    await (await open()).journal.close()
    await writeFile(`${path}.new`, 'half')
    await (await open()).journal.close()
    expect(await readdir(directory)).toEqual(['test.journal'])
  })

  it('walks a file larger than what is read at a time', async () => {
    const { journal } = await open()
    const texts = Array.from({ length: 300 }, (_, at) => `${at}-`.repeat(3000))
    await lasting(journal, ...texts)
    await lasting(journal, 'y'.repeat(3 << 20))
    await journal.close()
    const again = await open()
    expect(again.texts.length).toBe(301)
    expect(again.texts.slice(0, 300)).toEqual(texts)
  })
})
