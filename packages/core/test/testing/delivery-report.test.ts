import { describe, expect, it } from 'vitest'
import { reportDelivery } from '../../src/testing/index.ts'

const written = [
  { id: '1', key: 'a' },
  { id: '2', key: 'b' },
  { id: '3', key: 'a' },
  { id: '4', key: undefined },
  { id: '5', key: undefined },
]
const [first, second, third, fourth, fifth] = written as [
  Written,
  Written,
  Written,
  Written,
  Written,
]

interface Written {
  readonly id: string
  readonly key: string | undefined
}

const wellDone = { lost: [], unknown: [], repeated: [], outOfOrder: [] }

describe('reportDelivery', () => {
  it('finds nothing where every record came once and in order', () => {
    expect(reportDelivery(written, written)).toEqual(wellDone)
  })

  it('lets other keys, and records without one, come in any order', () => {
    expect(reportDelivery(written, [fifth, first, fourth, third, second])).toEqual(wellDone)
  })

  it('names what was lost', () => {
    const report = reportDelivery(written, [first, third, fourth])
    expect(report).toEqual({ ...wellDone, lost: [second, fifth] })
  })

  it('names what came again, and does not take it for disorder', () => {
    const report = reportDelivery(written, [...written, first, third])
    expect(report).toEqual({ ...wellDone, repeated: [first, third] })
  })

  it('names what came for the first time after a later one of its key', () => {
    const report = reportDelivery(written, [third, first, second, fourth, fifth])
    expect(report).toEqual({ ...wellDone, outOfOrder: [first] })
  })

  it('names what nobody had written', () => {
    const stranger = { id: '6', key: 'a' }
    expect(reportDelivery(written, [...written, stranger])).toEqual({
      ...wellDone,
      unknown: [stranger],
    })
  })
})
