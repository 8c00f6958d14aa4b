import { describe, expect, it } from 'vitest'
import { type Acknowledged, checkTable, type TableReading } from '../../src/stage/check.ts'

/** Two parcels, of which one was scanned twice. */
const acknowledged: readonly Acknowledged[] = [
  { key: 'a', version: 10n, number: 1 },
  { key: 'b', version: 11n, number: 1 },
  { key: 'a', version: 12n, number: 2 },
]

const came = (...versions: readonly bigint[]) =>
  versions.map((version) => ({ key: version === 11n ? 'b' : 'a', version, via: 'desk-1' }))

/** A table to which all that came as it should, but for what a test changes. */
function table(different: Partial<TableReading> = {}): TableReading {
  return {
    rows: [
      { key: 'a', version: 12n, number: 2 },
      { key: 'b', version: 11n, number: 1 },
    ],
    arrivals: came(10n, 11n, 12n),
    changes: came(10n, 11n, 12n),
    ...different,
  }
}

const nothing = { lost: [], outOfOrder: [], harmful: [], diverged: [], again: 0 }

describe('checkTable', () => {
  it('finds nothing where every scan came once, in the order of its parcel', () => {
    expect(checkTable(table(), acknowledged)).toEqual(nothing)
    expect(checkTable(table({ arrivals: came(11n, 10n, 12n) }), acknowledged)).toEqual(nothing)
  })

  it('finds a scan that was acknowledged and never came', () => {
    const { lost } = checkTable(table({ arrivals: came(11n, 12n) }), acknowledged)
    expect(lost).toEqual(['a@10 never arrived'])
  })

  it('finds a scan that first came after a later one, also if the guard turned it away', () => {
    const late = table({ arrivals: came(12n, 11n, 10n), changes: came(12n, 11n) })
    expect(checkTable(late, acknowledged)).toEqual({
      ...nothing,
      outOfOrder: ['a@10 first came after 12'],
    })
  })

  it('counts what came again, which is neither out of order nor harmful', () => {
    const repeated = table({ arrivals: came(10n, 11n, 12n, 10n, 12n) })
    expect(checkTable(repeated, acknowledged)).toEqual({ ...nothing, again: 2 })
  })

  it('finds a repetition that changed a row', () => {
    const { harmful } = checkTable(table({ changes: came(10n, 11n, 12n, 12n) }), acknowledged)
    expect(harmful).toEqual(['a@12 was put over 12'])
  })

  it('finds an older scan that was put over a newer one', () => {
    const { harmful } = checkTable(table({ changes: came(12n, 11n, 10n) }), acknowledged)
    expect(harmful).toEqual(['a@10 was put over 12'])
  })

  it('finds a parcel that is held as it was before, or is missing, or nobody has scanned', () => {
    const rows = [
      { key: 'a', version: 10n, number: 1 },
      { key: 'c', version: 13n, number: 1 },
    ]
    expect(checkTable(table({ rows }), acknowledged).diverged).toEqual([
      'a is held as scan 1 of version 10, not scan 2 of version 12',
      'b is held as nothing, not scan 1 of version 11',
      'c is held as scan 1 of version 13, not nothing',
    ])
  })
})
