import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { StoredDeadLetter } from '../../src/dlq/dlq.ts'
import { type FileDeadLetterQueue, openFileDeadLetterQueue } from '../../src/dlq/file-dlq.ts'
import type { WalError } from '../../src/errors.ts'
import { systemRandom } from '../../src/random.ts'
import { makeDeadLetter, makeStoredRecord } from '../../src/testing/make-record.ts'
import { diskFailure, HookedFileSystem } from '../queue/file/support/hooked-file-system.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'

let directory: string
let disk: HookedFileSystem
let errors: WalError[]
const fileName = 'letters.journal'

beforeEach(async () => {
  directory = await temporaryDirectory()
  disk = new HookedFileSystem()
  errors = []
})

function open(place = directory, leastDeadBytes?: number): Promise<FileDeadLetterQueue> {
  return openFileDeadLetterQueue({
    directory: place,
    leastDeadBytes,
    fileSystem: disk,
    namespace: 'films',
    random: systemRandom,
    reportError: (error) => errors.push(error),
  })
}

/** The queue as the next process finds it if this one is killed now. */
async function openAfterKill(): Promise<FileDeadLetterQueue> {
  const place = await temporaryDirectory()
  await copyFile(join(directory, fileName), join(place, fileName))
  return open(place)
}

function makeLetters(count: number, payloadBytes = 10): StoredDeadLetter[] {
  return Array.from({ length: count }, () =>
    makeDeadLetter({ record: makeStoredRecord({ payload: new Uint8Array(payloadBytes).fill(7) }) }),
  )
}

async function idsIn(queue: FileDeadLetterQueue): Promise<string[]> {
  const { letters } = await queue.list({ limit: 1000 })
  return letters.map(({ id }) => id)
}

function idsOf(letters: readonly StoredDeadLetter[]): string[] {
  return letters.map(({ id }) => id)
}

describe('FileDeadLetterQueue', () => {
  it('has every letter whose put has resolved after a kill, with all its fields', async () => {
    const queue = await open()
    const record = makeStoredRecord({
      key: undefined,
      headers: { 'content-type': 'film', ü: 'ß' },
      dueAt: 5,
      version: 2n ** 62n + 1n,
      target: 'search',
      transaction: { id: 'tx', index: 3 },
      attemptEpoch: 2,
      traceContext: { traceparent: '00-ab-cd-01', tracestate: 'x=1' },
      encryptionKeyId: 'k1',
      payload: undefined,
      op: 'delete',
    })
    const letters = [makeDeadLetter({ record, message: 'ungültig\n"…"' }), ...makeLetters(3, 5000)]
    await queue.put(letters)
    const again = await openAfterKill()
    expect((await again.list({})).letters).toEqual(letters.map(comparable))
    expect(again.highestVersion).toBe(2n ** 62n + 1n)
    await again.close()
    await queue.close()
  })

  it('shares a write and a sync among calls made at the same time', async () => {
    const queue = await open()
    const calls: string[] = []
    disk.hook = (call) => void calls.push(call)
    const letters = makeLetters(50)
    await Promise.all(letters.map((letter) => queue.put([letter])))
    expect(calls).toEqual(['write', 'sync'])
    await queue.close()
  })

  it('keeps no payload in memory', async () => {
    const queue = await open()
    const [first] = makeLetters(1, 100_000)
    await queue.put(first ? [first] : [])
    let reads = 0
    disk.hook = (call) => {
      if (call === 'read') reads++
    }
    expect((await queue.get(first?.id ?? ''))?.record.payload?.byteLength).toBe(100_000)
    expect(reads).toBe(1)
    await queue.close()
  })

  it('goes on with a page by its next after a restart and a rewrite', async () => {
    const queue = await open()
    const letters = makeLetters(20, 100)
    await queue.put(letters)
    const first = await queue.list({ limit: 5 })
    await queue.remove(idsOf(letters.slice(2, 7)))
    await queue.put(makeLetters(30, 100_000))
    const big = await queue.list({ limit: 1000 })
    await queue.remove(idsOf(big.letters.slice(15)))
    await queue.close()
    const again = await open()
    const late = makeLetters(1)
    await again.put(late)
    const { letters: rest } = await again.list({ limit: 1000, after: first.next })
    expect(idsOf(rest)).toEqual(idsOf([...letters.slice(7), ...late]))
    await again.close()
  })

  it('goes on behind a page whose letters are gone, and their file too', async () => {
    let queue = await open()
    await queue.put(makeLetters(3))
    const { next } = await queue.list({ limit: 2 })
    await queue.put(makeLetters(20, 100_000))
    await queue.remove(await idsIn(queue))
    await expect.poll(async () => (await stat(join(directory, fileName))).size).toBeLessThan(1000)
    await queue.close()
    queue = await open()
    const late = makeLetters(1)
    await queue.put(late)
    expect(idsOf((await queue.list({ after: next })).letters)).toEqual(idsOf(late))
    await queue.close()
  })

  it('refuses a next that it did not give', async () => {
    const queue = await open()
    await expect(queue.list({ after: 'somewhere' })).rejects.toMatchObject({
      code: 'ERR_INVALID_SELECTION',
    })
    await queue.close()
  })

  it('lists a letter put again behind those put since', async () => {
    const queue = await open()
    const letters = makeLetters(3)
    await queue.put(letters)
    await queue.put(letters.slice(0, 1))
    const expected = idsOf([...letters.slice(1), ...letters.slice(0, 1)])
    expect(await idsIn(queue)).toEqual(expected)
    await queue.close()
    const again = await open()
    expect(await idsIn(again)).toEqual(expected)
    await again.close()
  })

  it('gives back the room of removed letters, and keeps the others', async () => {
    const queue = await open()
    const letters = makeLetters(60, 100_000)
    for (const letter of letters) await queue.put([letter])
    const path = join(directory, fileName)
    const { size } = await stat(path)
    expect(size).toBeGreaterThan(6_000_000)
    const stay = letters.filter((_, at) => at % 6 === 0)
    const go = letters.filter((_, at) => at % 6 !== 0)
    // Reads and puts go on meanwhile.
    for (const [at, letter] of go.entries()) {
      const removed = queue.remove([letter.id])
      if (at % 10 === 0) {
        const late = makeLetters(1)
        await queue.put(late)
        stay.push(...late)
      }
      expect(await removed).toBe(1)
      expect((await queue.get(stay[0]?.id ?? ''))?.id).toBe(stay[0]?.id)
    }
    await expect.poll(async () => (await stat(path)).size).toBeLessThan(3_000_000)
    expect((await queue.list({ limit: 1000 })).letters).toEqual(stay.map(comparable))
    await queue.close()
    expect(await readdir(directory)).toEqual([fileName])
    const again = await open()
    expect((await again.list({ limit: 1000 })).letters).toEqual(stay.map(comparable))
    await again.close()
  })

  it('refuses to open where a letter known to be durable is damaged', async () => {
    const queue = await open()
    const letters = makeLetters(3)
    for (const letter of letters) await queue.put([letter])
    await queue.close()
    const path = join(directory, fileName)
    const bytes = await readFile(path)
    for (const { id } of letters) {
      const damaged = Buffer.from(bytes)
      damaged[bytes.indexOf(id)] = 0
      await writeFile(path, damaged)
      await expect(open()).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
      expect(await readFile(path)).toEqual(damaged)
    }
  })

  it('lists what it knows of a letter that turns out damaged, and says so once', async () => {
    const queue = await open()
    const [first, damaged, last] = makeLetters(3) as [
      StoredDeadLetter,
      StoredDeadLetter,
      StoredDeadLetter,
    ]
    await queue.put([first, damaged, last])
    await damage(damaged)
    const { letters } = await queue.list({})
    expect(idsOf(letters)).toEqual(idsOf([first, damaged, last]))
    const { record, target } = damaged
    const { id, key, attemptEpoch, version } = record
    expect(await queue.get(damaged.id)).toMatchObject({
      damaged: true,
      code: 'ERR_CORRUPT_LOG',
      target,
      record: { id, key, attemptEpoch, version, payload: undefined, namespace: 'films' },
    })
    expect(errors).toMatchObject([
      { code: 'ERR_CORRUPT_LOG', message: expect.stringContaining(damaged.id) },
    ])
    expect(await queue.remove([damaged.id])).toBe(1)
    await queue.close()
  })

  it('carries on with the others where one is damaged as it rewrites, and keeps its bytes', async () => {
    const queue = await open(directory, 2000)
    const [damaged, go, ...stay] = makeLetters(6, 1000)
    if (!damaged || !go) return
    await queue.put([damaged, go, ...stay])
    const bytes = await damage(damaged)
    const went = [go, ...stay.splice(0, 3)]
    await queue.remove(idsOf(went))
    await expect.poll(() => readdir(directory)).toEqual(['letter-1.damaged', fileName])
    const aside = join(directory, 'letter-1.damaged')
    expect(bytes.indexOf(await readFile(aside))).toBeGreaterThan(0)
    expect(errors.at(-1)?.message).toContain(aside)
    for (const late of [queue, await openAfterKill()]) {
      expect(await idsIn(late)).toEqual(idsOf([damaged, ...stay]))
      expect(await late.get(damaged.id)).toMatchObject({
        damaged: true,
        message: expect.stringContaining(aside),
      })
      expect(await late.get(stay[0]?.id ?? '')).toEqual(comparable(stay[0] as StoredDeadLetter))
      await late.put(makeLetters(1))
      await late.close()
    }
    const again = await open()
    expect(await again.remove([damaged.id])).toBe(1)
    expect(again.highestVersion).toBeGreaterThanOrEqual(damaged.record.version)
    await again.close()
  })

  it('loses neither the others nor the bytes of a damaged one, whichever call fails', async () => {
    let made = 0
    for (let nth = 1; nth <= made + 1; nth++) {
      directory = await temporaryDirectory()
      const queue = await open(directory, 2000)
      const [damaged, ...others] = makeLetters(6, 1000)
      if (!damaged) return
      // One after the other: what was put last proves that the others had lasted.
      for (const letter of [damaged, ...others]) await queue.put([letter])
      await damage(damaged)
      const stay = others.slice(3)
      const count = disk.failCall(nth, 'EIO')
      const ids = idsOf(others.slice(0, 3))
      await queue.remove(ids).catch(() => {})
      await queue.close().catch(() => {})
      made = count.made
      disk.hook = () => {}
      const after = await open().catch((error: WalError) => error.code)
      if (typeof after === 'string') expect(after, `call ${nth}`).toBe('ERR_CORRUPT_LOG')
      else {
        expect(await idsIn(after), `call ${nth}`).toEqual(expect.arrayContaining(idsOf(stay)))
        expect(await readdir(directory), `call ${nth}`).toContain('letter-1.damaged')
        expect(await after.get(damaged.id), `call ${nth}`).toMatchObject({ damaged: true })
        await after.close()
      }
    }
    expect(made).toBeGreaterThan(8)
  })

  it('rejects a put that may not have lasted, and takes it once the disk is well', async () => {
    const queue = await open()
    const [first, second, third] = makeLetters(3)
    if (!first || !second || !third) return
    await queue.put([first])
    for (const [call, code] of [
      ['write', 'ENOSPC'],
      ['sync', 'EIO'],
    ] as const) {
      disk.hook = (made) => {
        if (made === call) throw diskFailure(code, call)
      }
      await expect(queue.put([second])).rejects.toMatchObject({
        code: 'ERR_DLQ_WRITE',
        retryable: true,
        cause: { code: code === 'EIO' ? 'ERR_IO' : 'ERR_DISK_FULL' },
      })
      await expect(queue.remove([first.id])).rejects.toMatchObject({ code: 'ERR_DLQ_WRITE' })
      expect(await idsIn(queue)).toEqual([first.id])
      expect((await queue.get(first.id))?.id).toBe(first.id)
    }
    disk.hook = () => {}
    await Promise.all([queue.put([second]), queue.put([third])])
    const again = await openAfterKill()
    expect(await idsIn(again)).toEqual(idsOf([first, second, third]))
    await again.close()
    await queue.close()
  })

  it('loses no letter and brings none back, whichever call fails', async () => {
    let made = 0
    for (let nth = 1; nth <= made + 1; nth++) {
      directory = await temporaryDirectory()
      const queue = await open(directory, 5000)
      const count = disk.failCall(nth, 'EIO')
      const sure = await putAndRemove(queue, makeLetters(14, 1000))
      made = count.made
      disk.hook = () => {}
      expect(await areThere(queue, sure), `call ${nth} failed`).toEqual(sure)
      await queue.abandon()
      const again = await open()
      expect(await areThere(again, sure), `call ${nth} failed`).toEqual(sure)
      await again.close()
    }
    expect(made, 'a rewrite is among the calls').toBeGreaterThan(14 * 3 + 5)
  })

  it('refuses every call after close', async () => {
    const queue = await open()
    await queue.close()
    await queue.close()
    expect(queue.closed).toBe(true)
    for (const call of [
      () => queue.put(makeLetters(1)),
      () => queue.list({}),
      () => queue.get('x'),
      () => queue.remove(['x']),
      () => queue.count(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    }
  })
})

/** Turns the bytes of a letter around in the file; answers what the file holds then. */
async function damage(letter: StoredDeadLetter): Promise<Buffer> {
  const path = join(directory, fileName)
  const bytes = await readFile(path)
  bytes[bytes.indexOf(letter.id)] = 0
  await writeFile(path, bytes)
  return bytes
}

/** Puts letters and removes most of them. Answers what is certain: which are there, which are not. */
async function putAndRemove(
  queue: FileDeadLetterQueue,
  letters: readonly StoredDeadLetter[],
): Promise<Map<string, boolean>> {
  const sure = new Map<string, boolean>()
  const noted = async (id: string, isThere: boolean, call: Promise<unknown>): Promise<void> => {
    sure.delete(id)
    const done = await call.then(
      () => true,
      () => false,
    )
    if (done) sure.set(id, isThere)
  }
  for (const [at, letter] of letters.entries()) {
    await noted(letter.id, true, queue.put([letter]))
    const before = letters[at - 1]?.id
    if (before && at % 4 !== 0) await noted(before, false, queue.remove([before]))
  }
  return sure
}

async function areThere(
  queue: FileDeadLetterQueue,
  ids: ReadonlyMap<string, boolean>,
): Promise<Map<string, boolean>> {
  const there = new Map<string, boolean>()
  for (const id of ids.keys()) there.set(id, (await queue.get(id))?.id === id)
  return there
}

/** What is read again is equal but for which kind of byte array it is. */
function comparable(letter: StoredDeadLetter): unknown {
  const { payload } = letter.record
  return { ...letter, record: { ...letter.record, payload: payload && Buffer.from(payload) } }
}
