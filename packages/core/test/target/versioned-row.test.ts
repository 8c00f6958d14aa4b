import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { WalRecord } from '../../src/record.ts'
import { applied, permanent, superseded, type Target } from '../../src/target/target.ts'
import {
  changeRow,
  markedRow,
  newestOf,
  type RowChange,
  rowMarks,
} from '../../src/target/versioned-row.ts'
import { runConformance, SeededRandom, targetConformance } from '../../src/testing/index.ts'
import { type Row, rowPayloads } from '../testing/versioned-store.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

/** As a store keeps it: a newest version, a value, and the marks beside it. */
interface Kept {
  readonly newest: bigint
  readonly value: unknown
  readonly marks: string | undefined
}

const nothing: Kept = { newest: 0n, value: undefined, marks: undefined }

/** Keeps what a store would of rows, and forgets what it is told to. */
function subject(remembers: (kept: Kept) => Kept = (kept) => kept) {
  const held = new Map<string, Kept>()
  const applyOne = ({ key = '', op, version, payload }: WalRecord<Row>) => {
    if (payload?.year === -1) return permanent('YEAR', 'No such year.')
    const { newest, value, marks } = held.get(key) ?? nothing
    const row = changeRow(markedRow(newest, value, marks), { op, version, payload })
    if (row === 'not_an_object') return permanent(row, 'It has no fields.')
    if (typeof row === 'string') return row === 'applied' ? applied : superseded
    const next = { newest: newestOf(row), value: row.value, marks: rowMarks(row) }
    held.set(key, remembers(structuredClone(next)))
    return applied
  }
  const target: Target<Row> = {
    idempotency: 'version',
    apply: async (records) => records.map(applyOne),
  }
  return { target, read: async (key: string) => held.get(key)?.value }
}

const payloads = {
  ...rowPayloads,
  patch: (_key: string, number: number): Row =>
    [{ year: 2000 + number }, { title: `patched ${number}` }, {}][number % 3] ?? {},
  patchesCommute: true,
  patchOfNothing: 'nothing' as const,
}

const anyOrder = 'ends in the state of the versions in any order, with any repeats'

describe('a row whose fields have versions', { concurrent: true }, () => {
  const cases = targetConformance<Row>({ create: () => subject(), ...payloads, runs: 500, seed })
  for (const { name, run } of cases) it(name, run)
})

it('a row that forgets which of its fields were patched is found by the suite', async () => {
  const create = () => subject((kept) => ({ ...kept, marks: undefined }))
  const cases = targetConformance<Row>({ create, ...payloads, runs: 100, seed })
  const [result] = await runConformance(cases.filter(({ name }) => name === anyOrder))
  expect(result?.failure).toMatchObject({ name: 'AssertionError' })
})

it('a row of which a cache has dropped the value counts as what it was at last, as a whole', () => {
  const patch = { op: 'patch', version: 5n, payload: { year: 1 } } as const
  const row = changeRow(markedRow(2n, { title: 'x' }, undefined), patch)
  if (typeof row === 'string') throw new Error(row)
  const dropped = markedRow(newestOf(row), undefined, rowMarks(row))
  expect(changeRow(dropped, { op: 'put', version: 4n, payload: {} })).toBe('superseded')
  expect(changeRow(dropped, { op: 'put', version: 6n, payload: {} })).toMatchObject({ since: 6n })
})

it('what has no fields is not patched, and a put of it hides what newer patches have set', () => {
  const text = markedRow(2n, 'text', undefined)
  const patch = { op: 'patch', version: 5n, payload: { year: 1 } } as const
  expect(changeRow(text, patch)).toBe('not_an_object')
  const patched = changeRow(markedRow(1n, {}, undefined), patch)
  if (typeof patched === 'string') throw new Error(patched)
  const put = changeRow(patched, { op: 'put', version: 3n, payload: 'text' })
  if (typeof put === 'string') throw new Error(put)
  expect(put).toMatchObject({ since: 3n, value: 'text', patched: new Map([['year', 5n]]) })
  const kept = markedRow(newestOf(put), put.value, rowMarks(put))
  expect(kept).toEqual(put)
  const next = changeRow(kept, { op: 'put', version: 4n, payload: { title: 'x' } })
  expect(next).toMatchObject({ since: 4n, value: { title: 'x', year: 1 } })
})

/** The value that changes come to, as a store keeps it; what was refused is redriven at the end. */
function valueAfter(changes: readonly RowChange[]): unknown {
  let { newest, value, marks } = nothing
  let left = changes
  for (let redrives = 0; redrives < 2; redrives++) {
    left = left.filter((change) => {
      const row = changeRow(markedRow(newest, value, marks), change)
      if (typeof row === 'string') return row === 'not_an_object'
      newest = newestOf(row)
      value = row.value
      marks = rowMarks(row)
      return false
    })
  }
  return value
}

it('puts of texts among objects, patches and deletes come to the same in any order', () => {
  const random = new SeededRandom(seed)
  const pick = (below: number): number => random.integer(0, below - 1)
  for (let run = 0; run < 500; run++) {
    const changes = Array.from({ length: 2 + pick(6) }, (_, at): RowChange => {
      const version = BigInt(at + 1)
      const payload = { [`field${pick(3)}`]: at }
      const puts = [payload, `text ${at}`, [at]][pick(3)]
      const made: readonly RowChange[] = [
        { op: 'put', version, payload: puts },
        { op: 'patch', version, payload },
        { op: 'delete', version },
      ]
      return made[pick(3)] as RowChange
    })
    const shuffled = [...changes]
    for (let at = shuffled.length - 1; at > 0; at--) {
      const other = pick(at + 1)
      const [one, two] = [shuffled[at], shuffled[other]]
      shuffled[at] = two as RowChange
      shuffled[other] = one as RowChange
    }
    expect(valueAfter(shuffled), inspect({ changes, shuffled })).toEqual(valueAfter(changes))
  }
})
