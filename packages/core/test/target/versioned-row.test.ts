import { describe, expect, it } from 'vitest'
import type { WalRecord } from '../../src/record.ts'
import { applied, permanent, superseded, type Target } from '../../src/target/target.ts'
import { changeRow, markedRow, newestOf, rowMarks } from '../../src/target/versioned-row.ts'
import { runConformance, targetConformance } from '../../src/testing/index.ts'
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

it('what has no fields is not patched, and a put of it ends what patches had set', () => {
  const text = markedRow(2n, 'text', undefined)
  const patch = { op: 'patch', version: 5n, payload: { year: 1 } } as const
  expect(changeRow(text, patch)).toBe('not_an_object')
  const patched = changeRow(markedRow(1n, {}, undefined), patch)
  if (typeof patched === 'string') throw new Error(patched)
  const put = changeRow(patched, { op: 'put', version: 3n, payload: 'text' })
  expect(put).toMatchObject({ since: 3n, value: 'text', patched: new Map() })
})
