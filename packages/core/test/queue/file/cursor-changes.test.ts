import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from '../../../src/queue/file/cursor-bytes.ts'
import {
  type CursorChanges,
  PendingChanges,
  readChanges,
} from '../../../src/queue/file/cursor-changes.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const whole = fc.oneof(fc.maxSafeNat(), fc.nat(), fc.nat(300))

describe('ByteWriter and ByteReader', () => {
  it('give back every whole number and text', () => {
    const property = fc.property(
      fc.array(fc.oneof(whole, fc.string({ unit: 'binary', maxLength: 300 }))),
      (values) => {
        const writer = new ByteWriter()
        for (const value of values) {
          if (typeof value === 'number') writer.number(value)
          else writer.text(value)
        }
        const reader = new ByteReader(writer.take())
        for (const value of values) {
          expect(typeof value === 'number' ? reader.number() : reader.text()).toBe(value)
        }
        expect(reader.done).toBe(true)
      },
    )
    fc.assert(property, { seed })
  })

  it('give back ranges in any order', () => {
    const range = fc
      .tuple(fc.nat(2 ** 50), fc.nat(10_000))
      .map(([from, length]) => [from, from + length] as const)
    const property = fc.property(fc.array(range), (ranges) => {
      const writer = new ByteWriter()
      writer.ranges(ranges)
      expect([...new ByteReader(writer.take()).ranges()]).toEqual(ranges)
    })
    fc.assert(property, { seed })
  })

  it('take a byte or two for neighbours', () => {
    const writer = new ByteWriter()
    writer.ranges([[1_000_000_000, 1_000_000_500]])
    const first = writer.take().byteLength
    writer.ranges([
      [1_000_000_000, 1_000_000_500],
      [1_000_000_502, 1_000_000_502],
    ])
    expect(writer.take().byteLength - first).toBe(2)
  })

  it('say so where the bytes end too soon', () => {
    const writer = new ByteWriter()
    writer.text('a longer text')
    const bytes = writer.take()
    for (let size = 0; size < bytes.byteLength; size++) {
      const reader = new ByteReader(bytes.subarray(0, size))
      expect(() => reader.text()).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT_LOG' }))
    }
  })
})

describe('PendingChanges', () => {
  it('gives back every change in its order, neighbours as ranges', () => {
    const pending = new PendingChanges()
    expect(pending.empty).toBe(true)
    const state = { spent: 2, interrupted: 1, notBefore: 5, history: [] }
    for (const sequence of [5, 6, 7, 9]) pending.acked(sequence)
    pending.begun(10, 1000)
    pending.begun(11, 1000)
    pending.begun(12, 2000)
    pending.attempts(11, state)
    pending.attempts(12, undefined)
    pending.ackedRange([20, 30])
    pending.acked(31)
    expect(pending.empty).toBe(false)
    expect(changesIn(pending.take())).toEqual([
      ['acked', 5, 7],
      ['acked', 9, 9],
      ['begun', 10, 11, 1000],
      ['begun', 12, 12, 2000],
      ['attempts', 11, state],
      ['attempts', 12, undefined],
      ['acked', 20, 31],
    ])
    expect(pending.empty).toBe(true)
    expect(pending.take().byteLength).toBe(0)
  })

  it('are read in their order where they are of the schedule', () => {
    const pending = new PendingChanges()
    pending.runAdded(3, 0xffff_ffff)
    pending.scheduled([7, 9])
    pending.scheduled([10, 10])
    pending.scheduled([20, 20])
    pending.runRemoved(1)
    pending.floorRaised(3, 40)
    pending.gone(3, 41, 2)
    pending.acked(8)
    pending.scheduleDropped()
    expect(changesIn(pending.take())).toEqual([
      ['runAdded', 3, 0xffff_ffff],
      ['scheduled', 7, 10],
      ['scheduled', 20, 20],
      ['runRemoved', 1],
      ['floorRaised', 3, 40],
      ['gone', 3, 41, 2],
      ['acked', 8, 8],
      ['scheduleDropped'],
    ])
  })

  it('is not read where it holds a change of an unknown kind', () => {
    expect(() => changesIn(Buffer.from([10, 1]))).toThrow(
      expect.objectContaining({ code: 'ERR_FUTURE_FORMAT' }),
    )
  })
})

function changesIn(body: Buffer): unknown[] {
  const changes: unknown[] = []
  const note: CursorChanges = {
    acked: ([from, to]) => void changes.push(['acked', from, to]),
    begun: ([from, to], at) => void changes.push(['begun', from, to, at]),
    attempts: (sequence, state) => void changes.push(['attempts', sequence, state]),
    runAdded: (...numbers) => void changes.push(['runAdded', ...numbers]),
    scheduled: ([from, to]) => void changes.push(['scheduled', from, to]),
    runRemoved: (number) => void changes.push(['runRemoved', number]),
    floorRaised: (...numbers) => void changes.push(['floorRaised', ...numbers]),
    gone: (...numbers) => void changes.push(['gone', ...numbers]),
    scheduleDropped: () => void changes.push(['scheduleDropped']),
  }
  readChanges(body, note)
  return changes
}
