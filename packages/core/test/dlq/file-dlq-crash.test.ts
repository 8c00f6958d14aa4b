import { describe, expect, it } from 'vitest'
import type { StoredDeadLetter } from '../../src/dlq/dlq.ts'
import { type FileDeadLetterQueue, openFileDeadLetterQueue } from '../../src/dlq/file-dlq.ts'
import { makeDeadLetter, makeStoredRecord } from '../../src/testing/make-record.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../src/testing/simulated-file-system.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const directory = '/wal/dead-letters'
/** Three quarters of them are removed again: enough for the file to be written anew. */
const letters: readonly StoredDeadLetter[] = Array.from({ length: 12 }, (_, at) =>
  makeDeadLetter({ record: makeStoredRecord({ payload: new Uint8Array(400).fill(at) }) }),
)

/** What may be found after a crash: there, gone, or either while a call was on its way. */
type Known = 'there' | 'gone' | 'either'

async function open(disk: SimulatedFileSystem): Promise<FileDeadLetterQueue> {
  await disk.makeDirectory(directory)
  return openFileDeadLetterQueue({
    namespace: 'films',
    directory,
    fileSystem: disk,
    random: new SeededRandom(seed),
    leastDeadBytes: 2000,
    reportError: () => {},
  })
}

function newDisk(): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) })
}

/** Puts all letters, two at once, and removes most. Ends early if the machine stops. */
async function runLife(disk: SimulatedFileSystem, known: Map<string, Known>): Promise<void> {
  const during = async (ids: string[], after: Known, call: Promise<unknown>): Promise<void> => {
    for (const id of ids) known.set(id, 'either')
    await call.then(
      () => {
        for (const id of ids) known.set(id, after)
      },
      () => {},
    )
  }
  const life = async (): Promise<void> => {
    const queue = await open(disk)
    for (let at = 0; at < letters.length; at += 2) {
      const pair = letters.slice(at, at + 2)
      await Promise.all(pair.map((letter) => during([letter.id], 'there', queue.put([letter]))))
      const before = letters.slice(Math.max(0, at - 2), at).map(({ id }) => id)
      // Where a put was rejected the queue may not know the letter, and removes nothing.
      const goes = before.filter((id) => known.get(id) === 'there')
      if (at % 8 !== 0) await during(goes, 'gone', queue.remove(goes))
    }
    await queue.close()
  }
  await Promise.race([life().catch(() => {}), disk.halted])
}

async function expectKnown(
  disk: SimulatedFileSystem,
  known: ReadonlyMap<string, Known>,
  when: string,
): Promise<void> {
  const queue = await open(disk)
  const { letters: found } = await queue.list({ limit: 1000 })
  for (const letter of letters) {
    const there = found.find(({ id }) => id === letter.id)
    // There whole, or not at all.
    if (there) expect(there.record.payload, when).toEqual(Buffer.from(letter.record.payload ?? []))
    const expected = known.get(letter.id) ?? 'gone'
    if (expected !== 'either') expect(there ? 'there' : 'gone', when).toBe(expected)
  }
  const late = makeDeadLetter()
  await queue.put([late])
  expect((await queue.list({ limit: 1000 })).letters.at(-1)?.id).toBe(late.id)
  await queue.close()
}

describe('the dead-letter file', () => {
  it('has what it promised after a power cut at any call, whatever the disk kept', {
    timeout: 60_000,
  }, async () => {
    const whole = newDisk()
    await runLife(whole, new Map())
    expect(whole.calls('rename'), 'it was written anew').toBeGreaterThan(1)
    for (let nth = 1; nth <= whole.calls(); nth++) {
      const disk = newDisk()
      const known = new Map<string, Known>()
      disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
      await runLife(disk, known)
      for (const keep of ['none', 'all', 'random', 'random'] as const) {
        await expectKnown(disk.crash({ keep }), known, `stopped at call ${nth}, kept ${keep}`)
      }
      await expectKnown(disk.kill(), known, `killed at call ${nth}`)
    }
  })

  it('has what it promised after any call failed and the power was cut later', {
    timeout: 60_000,
  }, async () => {
    const whole = newDisk()
    await runLife(whole, new Map())
    for (let nth = 1; nth <= whole.calls(); nth++) {
      for (const lands of [0, 0.5, 1]) {
        const disk = newDisk()
        const known = new Map<string, Known>()
        disk.fault = ({ number }) => (number === nth ? { fail: 'EIO', lands } : undefined)
        await runLife(disk, known)
        for (const keep of ['none', 'random'] as const) {
          const when = `failed at call ${nth}, landed ${lands}, kept ${keep}`
          await expectKnown(disk.crash({ keep }), known, when)
        }
      }
    }
  })

  const isSync = (kind: string) => kind === 'sync' || kind === 'writeDurably'

  it('opens, and keeps what is put then, after a failed sync, a kill, and a power cut', async () => {
    for (let nth = 1; nth <= 8; nth++) {
      const disk = newDisk()
      const known = new Map<string, Known>()
      disk.fault = ({ kind, numberOfKind }) =>
        isSync(kind) && numberOfKind >= nth ? { fail: 'EIO', lands: 0.5 } : undefined
      await runLife(disk, known)
      const next = disk.kill()
      const queue = await open(next)
      const late = makeDeadLetter()
      await queue.put([late])
      known.set(late.id, 'there')
      await expectKnown(next.crash({ keep: 'none' }), known, `syncs failed from ${nth} on`)
      expect(await (await open(next.crash({ keep: 'none' }))).get(late.id)).toBeDefined()
    }
  })

  it('turns red where a sync is a lie', async () => {
    for (const lie of [{ ignoreSync: true }, { ignoreDirectorySync: true }]) {
      const disk = new SimulatedFileSystem({ random: new SeededRandom(seed), ...lie })
      const known = new Map<string, Known>()
      await runLife(disk, known)
      await expect(expectKnown(disk.crash({ keep: 'none' }), known, '')).rejects.toThrow()
    }
  })
})
