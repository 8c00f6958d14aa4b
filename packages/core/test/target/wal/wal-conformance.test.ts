import { describe, expect, it } from 'vitest'
import type { Receipt } from '../../../src/producer/receipt.ts'
import type { ForwardedRecord } from '../../../src/record.ts'
import { walTarget } from '../../../src/target/wal/wal-target.ts'
import { runConformance, targetConformance } from '../../../src/testing/index.ts'
import { type Row, rowPayloads } from '../../testing/versioned-store.ts'
import { filmsWal, lateClock } from '../support/films-wal.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const highestVersion = 2n ** 53n - 1n

describe('walTarget', { concurrent: true }, () => {
  const cases = targetConformance<Row>({
    create: () => subject(),
    ...{ ...rowPayloads, highestVersion, seed },
  })
  for (const { name, run } of cases) it(name, run)
})

const inOrder = 'ends in the state of the versions after redelivery in order'

it(`${inOrder} by walTarget, of five hundred histories`, async () => {
  // A case may take ten times the patience, and a busy machine takes its time.
  const patient = { runs: 500, patienceMs: 20_000 }
  const cases = targetConformance<Row>({
    create: () => subject(),
    ...{ ...rowPayloads, highestVersion, seed, ...patient },
  })
  await cases.find(({ name }) => name === inOrder)?.run()
  expect(cases.map(({ name }) => name)).toContain(inOrder)
}, 200_000)

describe('walTarget by a function', { concurrent: true }, () => {
  const cases = targetConformance<Row>({
    create: () => subject((forward) => (records) => forward(records.map(overTheWire))),
    ...{ ...rowPayloads, highestVersion, seed },
  })
  for (const { name, run } of cases) it(name, run)
})

describe('a way to another wal that is broken', () => {
  type Broken = (forward: ForwardFilms) => ForwardFilms
  const broken: Readonly<Record<string, readonly [Broken, string]>> = {
    'answers yes for records that it has dropped': [
      (forward) => async (records) => {
        const receipts = records.map(
          ({ id, version }) => ({ id, version, durable: 'yes' }) as const,
        )
        if (records.some(({ op }) => op !== 'delete')) await forward(records)
        return receipts
      },
      'removes the row by a delete',
    ],
    'gives every record a version of its own': [
      (forward) => (records) =>
        forward(records.map((each, at) => ({ ...each, version: 2n ** 52n - BigInt(at) }))),
      'replaces the whole row by a put',
    ],
    'takes deletes for puts': [
      (forward) => (records) =>
        forward(records.map((each) => ({ ...each, op: 'put', payload: { ...each.payload } }))),
      'removes the row by a delete',
    ],
  }
  for (const [flaw, [breakIt, demand]] of Object.entries(broken)) {
    it(`is found by the suite where it ${flaw}`, async () => {
      const cases = targetConformance<Row>({
        create: () => subject(breakIt),
        ...{ ...rowPayloads, highestVersion, seed },
      })
      const [result] = await runConformance(cases.filter(({ name }) => name === demand))
      expect(result?.failure).toMatchObject({ name: 'AssertionError' })
    })
  }
})

type ForwardFilms = (records: readonly ForwardedRecord<Row>[]) => Promise<readonly Receipt[]>

async function subject(way?: (forward: ForwardFilms) => ForwardFilms) {
  const { wal, store, films } = await filmsWal({ clock: lateClock })
  const target =
    way === undefined
      ? walTarget<Row, 'films'>({ wal, namespace: 'films' })
      : walTarget<Row>({ forward: way((records) => films.forward(records)) })
  return {
    target,
    read: async (key: string) => {
      await wal.drain()
      return store.read(key)
    },
    dispose: () => wal.close(),
  }
}

/** What is left of a record that was sent as JSON. */
function overTheWire(record: ForwardedRecord<Row>): ForwardedRecord<Row> {
  const text = JSON.stringify(record, (_, value) =>
    typeof value === 'bigint' ? `${value}` : value,
  )
  const parsed = JSON.parse(text)
  return { ...parsed, version: BigInt(parsed.version) }
}
