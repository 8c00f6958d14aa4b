import type { Client } from 'cassandra-driver'
import type { CassandraClient, CassandraStatement } from '../../src/index.ts'

/** A flaw of a client, and a case of the suite that it turns red. */
export interface BrokenClient {
  readonly flaw: string
  /** What is sent in place of the statement. */
  readonly change: (statement: CassandraStatement) => CassandraStatement
  readonly turnsRed: string
}

/** A node is given something else than the target meant: the suite has to see it in the rows. */
export const brokenClients: readonly BrokenClient[] = [
  {
    flaw: 'gives puts no timestamp',
    change: unstamped('INSERT'),
    turnsRed: 'changes nothing when an older change comes after a newer one',
  },
  {
    flaw: 'gives patches no timestamp',
    change: unstamped('UPDATE'),
    turnsRed: 'ends in the state of the versions in any order, with any repeats',
  },
  {
    flaw: 'gives deletes no timestamp',
    change: unstamped('DELETE'),
    turnsRed: 'ends in the state of the versions in any order, with any repeats',
  },
  {
    flaw: 'takes versions for doubles',
    change: ({ query, params }) => ({ query, params: params.map(rounded) }),
    turnsRed: 'tells versions apart that a double cannot',
  },
  {
    flaw: 'leaves what a put lacks as it was',
    change: ({ query, params }) => ({
      query,
      params: query.startsWith('INSERT') ? params.map((value) => value ?? undefined) : params,
    }),
    turnsRed: 'replaces the whole row by a put',
  },
  {
    flaw: 'deletes nothing',
    change: (statement) =>
      statement.query.startsWith('DELETE')
        ? {
            query: statement.query,
            params: statement.params.map((value) => (isDigits(value) ? '1' : value)),
          }
        : statement,
    turnsRed: 'removes the row by a delete',
  },
]

/** The client with the flaw. */
export function broken(client: Client, { change }: BrokenClient): CassandraClient {
  return {
    keyspace: client.keyspace,
    connect: () => client.connect(),
    execute: (query, params, options) => {
      const changed = change({ query, params: params ?? [] })
      return client.execute(changed.query, changed.params, options as never)
    },
    batch: (queries, options) => client.batch(queries.map(change), options as never),
  }
}

/** The statements of this kind without a timestamp: the node gives them its own, which is now. */
function unstamped(verb: string): BrokenClient['change'] {
  return ({ query, params }) => {
    if (!query.startsWith(verb)) return { query, params }
    // A version of these tests may lie ahead of now: what comes later has to win all the same.
    const later = (2n ** 62n + BigInt((performance.now() * 1_000) | 0)).toString()
    return { query, params: params.map((value) => (isDigits(value) ? later : value)) }
  }
}

function rounded(value: unknown): unknown {
  return isDigits(value) ? BigInt(Number(value)).toString() : value
}

/** Versions are the only digits of such a length in these rows. */
function isDigits(value: unknown): value is string {
  return typeof value === 'string' && /^\d{15,}$/.test(value)
}
