import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Performance } from '../../src/stage/perform.ts'
import { resultsTable, violations } from '../../src/stage/print.ts'

const flawless: Performance = {
  title: 'a queue',
  ordered: true,
  acknowledged: 1_800,
  ...{ lost: [], outOfOrder: [], harmful: [], diverged: [], missing: [], again: 7 },
  seconds: 12.34,
}

describe('violations', () => {
  it('are none where all went well, whatever came again', () => {
    expect(violations(flawless)).toEqual([])
  })

  it('are whatever was lost, did harm, differs or did not happen', () => {
    const bad = { lost: ['l'], harmful: ['h'], diverged: ['d'], missing: ['it was killed'] }
    expect(violations({ ...flawless, ...bad })).toEqual(['l', 'h', 'd', 'not so: it was killed'])
  })

  it('are scans out of order only on a queue that promises an order', () => {
    const mixed = { ...flawless, outOfOrder: ['x came late'] }
    expect(violations(mixed)).toEqual(['x came late'])
    expect(violations({ ...mixed, ordered: false })).toEqual([])
  })
})

describe('resultsTable', () => {
  it('marks an order that was not promised, and says so below', () => {
    const orderless = { ...flawless, ordered: false, outOfOrder: ['x'] }
    const text = stripVTControlCharacters(resultsTable([flawless, orderless]))
    expect(text).toContain('1,800     0            1*           7')
    expect(text).toContain('* not promised here')
    expect(resultsTable([flawless])).not.toContain('not promised')
  })
})
