import { setTimeout } from 'node:timers/promises'
import {
  applied,
  changeRow,
  type NoChange,
  type RowChange,
  superseded,
  type Target,
  type VersionedRow,
  type WalRecord,
} from '@daybook/core'
import { runConformance, targetConformance } from '@daybook/core/testing'
import { expectKept } from './expect-kept.ts'

/** What is forwarded. */
export interface Film {
  readonly title?: string
  readonly year?: number
}

/** What a queue brought to whoever reads it. */
interface Archive {
  readonly rows: ReadonlyMap<string, Film | undefined>
  /** By id, whether or not something newer was there. */
  readonly came: ReadonlyMap<string, WalRecord<Film>>
}

/** How long a record may be on its way, in ms. */
const patienceMs = 30_000
/** Their histories are drawn apart, so that many at once go through one queue. */
const lanes = 32
const inOrder = 'ends in the state of the versions after redelivery in order'

/** What a row came to by a change, unless it is older than what is held. */
type Change = (row: VersionedRow, change: RowChange) => VersionedRow | NoChange

const nothing: VersionedRow = { since: 0n, value: undefined, part: {}, patched: new Map() }

/** For changes in their order: one version for the whole row. Were an older patch to come later, it would be left out. */
const inSequence: Change = (row, { op, version, payload }) => {
  if (version <= row.since) return 'superseded'
  const before = op === 'patch' ? (row.value as Film | undefined) : undefined
  const value = op === 'delete' ? undefined : { ...before, ...(payload as Film) }
  return { ...nothing, since: version, value }
}

/**
 * The store of whoever reads the queue. It compares versions, as a queue may bring a record twice: of fields, where
 * the queue keeps no order.
 */
export function archiveShelf({ keepsOrder }: { readonly keepsOrder: boolean }) {
  const change = keepsOrder ? inSequence : changeRow
  const held = new Map<string, VersionedRow>()
  const rows = new Map<string, Film | undefined>()
  const came = new Map<string, WalRecord<Film>>()
  const shelf: Target<Film> = {
    idempotency: 'version',
    async apply(records) {
      return records.map((record) => {
        const { id, key = '' } = record
        came.set(id, record)
        const row = change(held.get(key) ?? nothing, record)
        if (row === 'superseded') return superseded
        if (typeof row === 'string') return applied
        held.set(key, row)
        rows.set(key, row.value as Film | undefined)
        return applied
      })
    },
  }
  return { shelf, rows, came }
}

/**
 * Fails unless a target that forwards into a queue, and is open, passes the suite of targets: what it has applied is
 * what the archive behind the queue shows. Beside the suite 256 histories go through it, others in each `part`.
 */
export async function expectForwardingKept(
  forwarding: Target<Film>,
  archive: Archive,
  part: number,
): Promise<void> {
  let stores = 0
  const casesOf = (runs: number, seed: number) =>
    targetConformance<Film>({
      create: () => storeOf(`${++stores}`),
      put: (key, number) => ({ title: `${key} ${number}`, year: number }),
      patch: (_key, number) => ({ year: 2000 + number }),
      ...{ seed, runs, patienceMs },
    })
  const seed = Number(process.env['DAYBOOK_SEED']) + 100_000 * part
  expectKept(await runConformance(casesOf(1, seed), { concurrency: 16 }))
  const all = Array.from({ length: lanes }, (_, lane) => casesOf(8, seed + lane * 8))
  const histories = all.flatMap((cases) => cases.filter((one) => one.name === inOrder))
  if (histories.length !== lanes) throw new Error(`The suite has no case '${inOrder}' any more.`)
  expectKept(await runConformance(histories, { concurrency: lanes }))

  /** One queue for all cases: each has keys of its own. */
  function storeOf(store: string) {
    const sent = new Set<string>()
    const target: Target<Film> = {
      idempotency: forwarding.idempotency,
      largestBatch: forwarding.largestBatch,
      async apply(records, context) {
        for (const { id } of records) sent.add(id)
        const own = records.map((record) => ({ ...record, key: `${store} ${record.key}` }))
        return forwarding.apply(own, context)
      },
    }
    const read = async (key: string) => {
      const latest = performance.now() + patienceMs
      while (![...sent].every((id) => archive.came.has(id))) {
        if (performance.now() > latest) throw new Error(`Not all came within ${patienceMs} ms.`)
        await setTimeout(5)
      }
      return archive.rows.get(`${store} ${key}`)
    }
    return { target, read }
  }
}
