import { describe, expect, it } from 'vitest'
import { Cursor } from '../../../src/queue/file/cursor.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const directory = '/wal/cursors'

/** What is known of a cursor that was at work when the machine stopped. */
interface Known {
  /** Acked by then. */
  readonly acked: Set<number>
  /** Acked, and a sync has resolved since. */
  readonly lasting: Set<number>
  /** Attempts begun, and written, of sequences not acked. */
  readonly begun: Set<number>
}

async function open(disk: SimulatedFileSystem, errors: unknown[] = []): Promise<Cursor> {
  await disk.makeDirectory(directory)
  return Cursor.open({
    directory,
    name: 'search.cursor',
    target: 'search',
    fileSystem: disk,
    clock: new VirtualClock(),
    random: new SeededRandom(seed),
    slackBytes: 100,
    reportError: (error) => errors.push(error),
  })
}

function newDisk(): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed) })
}

async function runLife(disk: SimulatedFileSystem, known: Known, random: SeededRandom) {
  const life = async (): Promise<void> => {
    const cursor = await open(disk)
    for (let round = 0; round < 6; round++) {
      for (let count = 0; count < 8; count++) {
        const sequence = random.integer(1, 60)
        known.acked.add(sequence)
        known.begun.delete(sequence)
        cursor.ack(sequence)
      }
      const begins = random.integer(61, 80)
      cursor.begin(begins, 5)
      await cursor.write()
      known.begun.add(begins)
      if (round % 2 === 1) {
        const covered = [...known.acked]
        await cursor.sync()
        for (const sequence of covered) known.lasting.add(sequence)
      }
    }
  }
  await Promise.race([life(), disk.halted])
}

function newKnown(): Known {
  return { acked: new Set(), lasting: new Set(), begun: new Set() }
}

describe('the cursor file', () => {
  it('is never ahead of its acks, nor behind those synced, after a power cut at any call', async () => {
    const whole = newDisk()
    await runLife(whole, newKnown(), new SeededRandom(seed))
    expect(whole.calls('rename'), 'it was written anew').toBeGreaterThan(1)
    for (let nth = 1; nth <= whole.calls() + 1; nth++) {
      const disk = newDisk()
      const known = newKnown()
      disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
      await runLife(disk, known, new SeededRandom(seed))
      for (const keep of ['none', 'all', 'random', 'random'] as const) {
        const errors: unknown[] = []
        const cursor = await open(disk.crash({ keep }), errors)
        expect(errors, 'a power cut alone damages nothing that was synced').toEqual([])
        for (let sequence = 1; sequence <= 80; sequence++) {
          const when = `sequence ${sequence}, stopped at call ${nth}, kept ${keep}`
          if (known.lasting.has(sequence)) expect(cursor.isDone(sequence), when).toBe(true)
          if (!known.acked.has(sequence)) expect(cursor.isDone(sequence), when).toBe(false)
        }
        await cursor.close()
      }
    }
  })

  it('has lasting what was acked when it is closed, also where any one call fails before', async () => {
    const closedAfterFault = async (nth: number): Promise<SimulatedFileSystem | undefined> => {
      const disk = newDisk()
      disk.fault = ({ number }) => (number === nth ? { fail: 'EIO' } : undefined)
      const cursor = await open(disk).catch(() => undefined)
      if (!cursor) return undefined
      for (let sequence = 1; sequence <= 60; sequence++) {
        cursor.ack(sequence * 2)
        // Its end is not waited for at last: a close meets it half way.
        const written = cursor.write()
        if (sequence < 60) await written
      }
      await cursor.close()
      return disk
    }
    const whole = await closedAfterFault(0)
    expect(whole?.calls('rename'), 'it was written anew').toBeGreaterThan(1)
    for (let nth = 1; nth <= (whole?.calls() ?? 0); nth++) {
      const disk = await closedAfterFault(nth)
      if (!disk) continue
      const found = await open(disk.crash({ keep: 'none' }))
      expect(found.countMissing(120), `failed at call ${nth}`).toBe(60)
      await found.close()
    }
  })

  it('has every mark of an attempt that was written, when its process is killed at any call', async () => {
    const whole = newDisk()
    await runLife(whole, newKnown(), new SeededRandom(seed))
    for (let nth = 1; nth <= whole.calls(); nth++) {
      const disk = newDisk()
      const known = newKnown()
      disk.fault = ({ number }) => (number === nth ? { halt: true } : undefined)
      await runLife(disk, known, new SeededRandom(seed))
      const cursor = await open(disk.kill())
      for (const sequence of known.begun) {
        expect(cursor.attemptsOf(sequence), `killed at call ${nth}`).toMatchObject({
          interrupted: 1,
        })
      }
      await cursor.close()
    }
  })
})
