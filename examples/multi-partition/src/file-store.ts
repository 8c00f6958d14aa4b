import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Outcome, permanent, superseded, type Target, type WalRecord } from '@daybook/core'
import type { Row } from './order.ts'

/** What a call of a store takes: it stands for one across a network. */
const callMs = 10

interface Line {
  readonly key: string
  readonly version: string
  readonly row: Row | undefined
}

/** A store in a file: the newest version of a key counts. Survives the death of the process. */
export class FileStore {
  readonly #path: string
  readonly #rows = new Map<string, { readonly version: bigint; readonly row: Row | undefined }>()

  constructor(path: string) {
    this.#path = path
    if (!existsSync(path)) return
    for (const text of readFileSync(path, 'utf8').split('\n')) {
      const line = parsed(text)
      if (line !== undefined) this.#set(line)
    }
  }

  get rows(): ReadonlyMap<string, Row> {
    const rows = new Map<string, Row>()
    for (const [key, { row }] of this.#rows) if (row !== undefined) rows.set(key, row)
    return rows
  }

  /** The target that writes to it; `isBroken` says for which rows it fails. */
  target(isBroken: (row: Row) => boolean = () => false): Target<Row> {
    return {
      idempotency: 'version',
      apply: async (records) => {
        await sleep(callMs)
        return records.map((record) => this.#apply(record, isBroken))
      },
    }
  }

  #apply(record: WalRecord<Row>, isBroken: (row: Row) => boolean): Outcome {
    const { key = '', version, op } = record
    const row = op === 'put' ? record.payload : undefined
    if (row !== undefined && isBroken(row)) return permanent('BROKEN', 'no such index')
    const known = this.#rows.get(key)
    if (known !== undefined && known.version >= version) return superseded
    const line: Line = { key, version: `${version}`, row }
    // A line of its own, as the one before may be half a line.
    appendFileSync(this.#path, `\n${JSON.stringify(line)}`)
    this.#set(line)
    return { status: 'applied' }
  }

  #set({ key, version, row }: Line): void {
    this.#rows.set(key, { version: BigInt(version), row })
  }
}

function parsed(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line
  } catch {
    return undefined
  }
}
