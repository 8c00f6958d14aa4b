import { randomUUID } from 'node:crypto'
import { type TransactionHead, WalError } from '@daybook/core'
import type { Calls, Row } from './calls.ts'

/** A head as it is stored. */
export interface StoredHead {
  readonly head: TransactionHead
  /** The name of its set of chunks. */
  readonly contents: string
  /** See {@link HeadTable.fence}. */
  readonly fence: string | null
}

/** What must stand there for a change to be made: a head, or nothing. */
export interface Expected {
  readonly revision: number | null
  readonly contents: string | null
  readonly fence: string | null
}

/** How long a fence stands, in seconds: far longer than a node goes on with a change. */
const fenceForS = 86_400

/** Tries of one change that fences keep overtaking: there is one only after a call that failed. */
const mostTries = 100

/** The heads: changed by conditional updates alone, and read as these have left them. */
export class HeadTable {
  readonly #calls: Calls
  readonly #table: string
  readonly #namespace: string
  /** How long one that has ended stands, in seconds. */
  endedForS: number

  constructor(calls: Calls, table: string, options: { namespace: string; endedForS: number }) {
    this.#calls = calls
    this.#table = table
    this.#namespace = options.namespace
    this.endedForS = options.endedForS
  }

  async read(id: string): Promise<StoredHead | undefined> {
    const [row] = await this.#calls.readAgreed(
      `SELECT revision, head, contents, fence FROM ${this.#table} WHERE namespace = ? AND id = ?`,
      [this.#namespace, id],
    )
    // A row of a fence alone has no revision.
    if (row === undefined || typeof row['revision'] !== 'number') return undefined
    return {
      head: headFrom(String(row['head'])),
      contents: String(row['contents']),
      fence: fenceOf(row),
    }
  }

  /**
   * Puts a head where the expected one stands. Answers the fence that it was put by, or undefined, with nothing
   * changed, if something else stands there. No column is left out, so that all of a row ends at once.
   */
  async put(
    head: TransactionHead,
    contents: string,
    expected: Expected,
  ): Promise<Pick<Expected, 'fence'> | undefined> {
    const ttl = endedTtlS(head, this.endedForS)
    const values = [ttl, head.revision, jsonOf(head), contents, this.#namespace, head.id]
    let { fence } = expected
    for (let tries = 0; tries < mostTries; tries++) {
      const row = await this.#calls.agree(
        `UPDATE ${this.#table} USING TTL ? SET revision = ?, head = ?, contents = ? WHERE namespace = ? AND id = ? ` +
          'IF revision = ? AND contents = ? AND fence = ?',
        [...values, expected.revision, expected.contents, fence],
      )
      if (row === undefined) return { fence }
      const { revision = null, contents: found = null } = row
      if (revision !== expected.revision || found !== expected.contents) return undefined
      fence = fenceOf(row)
    }
    throw overtaken(head.id)
  }

  /**
   * After a change whose outcome nobody knows: a node may make it yet. Every change names the fence that it
   * expects, so none from before this one is made once it stands.
   */
  async fence(id: string): Promise<void> {
    const next = randomUUID()
    let fence: string | null = null
    for (let tries = 0; tries < mostTries; tries++) {
      const row = await this.#calls.agree(
        `UPDATE ${this.#table} USING TTL ? SET fence = ? WHERE namespace = ? AND id = ? IF fence = ?`,
        [fenceForS, next, this.#namespace, id, fence],
      )
      if (row === undefined) return
      fence = fenceOf(row)
    }
    throw overtaken(id)
  }

  async remove(id: string): Promise<void> {
    await this.#calls.agree(`DELETE FROM ${this.#table} WHERE namespace = ? AND id = ? IF EXISTS`, [
      this.#namespace,
      id,
    ])
  }
}

/** As long as core keeps what has ended and had two markers, and a day more, in seconds. */
const repeatedForS = 15 * 86_400

/** The time to live of a head, in seconds; 0 for none. The second of two markers may come late, and must find it. */
export function endedTtlS(head: TransactionHead, endedForS: number): number {
  if (!hasEnded(head)) return 0
  return head.marker?.isRepeat ? Math.max(endedForS, repeatedForS) : endedForS
}

/** True for one that nothing more will be applied of. */
export function hasEnded({ state }: Pick<TransactionHead, 'state'>): boolean {
  return state === 'applied' || state === 'discarded'
}

function fenceOf({ fence }: Row): string | null {
  return typeof fence === 'string' ? fence : null
}

function jsonOf(head: TransactionHead): string {
  return JSON.stringify({ ...head, version: head.version?.toString() })
}

function headFrom(json: string): TransactionHead {
  const head = JSON.parse(json) as Omit<TransactionHead, 'version'> & { readonly version?: string }
  return { ...head, version: head.version === undefined ? undefined : BigInt(head.version) }
}

function overtaken(id: string): WalError {
  const message = `Transaction ${id} was fenced by others ${mostTries} times in a row.`
  return new WalError('ERR_TRANSIENT', message, { retryable: true })
}
