import type { CassandraCallOptions, CassandraClient, CassandraStatement } from '../../src/index.ts'

/** What was sent: a batch, or one statement. */
export interface Sent {
  readonly statements: readonly CassandraStatement[]
  readonly options: CassandraCallOptions
}

type Rows = readonly Readonly<Record<string, unknown>>[]

/** A client of one table that notes what it is sent, and answers as it is told. For what needs no node. */
export interface FakeClient extends CassandraClient {
  readonly sent: Sent[]
  /** What becomes of a call; default it succeeds at once. */
  answer: (statements: readonly CassandraStatement[]) => Promise<Rows> | Rows
}

/** Columns as `system_schema` has them: `{ id: 'text partition_key' }`. */
export function fakeClient(columns: Readonly<Record<string, string>>): FakeClient {
  const schema = Object.entries(columns).map(([column_name, about]) => {
    const [type, kind = 'regular'] = about.split(' ')
    return { column_name, type, kind }
  })
  const client: FakeClient = {
    keyspace: 'media',
    sent: [],
    answer: () => [],
    connect: async () => {},
    async execute(query, params = [], options = {}) {
      if (query.includes('system_schema.tables')) return { rows: [{ gc_grace_seconds: 3_600 }] }
      if (query.includes('system_schema.columns')) return { rows: schema }
      const statements = [{ query, params }]
      client.sent.push({ statements, options })
      return { rows: await client.answer(statements) }
    },
    async batch(queries, options = {}) {
      client.sent.push({ statements: queries, options })
      return client.answer(queries)
    },
  }
  return client
}
