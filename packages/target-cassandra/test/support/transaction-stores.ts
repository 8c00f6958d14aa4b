import type { TransactionHead, TransactionStore, WalError } from '@daybook/core'
import type driver from 'cassandra-driver'
import {
  type CassandraClient,
  type CassandraTransactionStoreOptions,
  cassandraTransactionStore,
  cassandraTransactionTables,
} from '../../src/index.ts'
import { createTables } from './cassandra.ts'

/** Makes a keyspace with the tables of a store, which are named `sets`. */
export async function createTransactionTables(
  client: driver.Client,
  keyspace: string,
): Promise<void> {
  await createTables(client, keyspace, {})
  for (const statement of cassandraTransactionTables(`${keyspace}.sets`)) {
    await client.execute(statement)
  }
}

let namespaces = 0

/** The options of a store with a namespace of its own. */
export function storeOptions(
  client: CassandraClient,
  keyspace: string,
): CassandraTransactionStoreOptions {
  return { client, table: `${keyspace}.sets`, namespace: `namespace ${++namespaces}` }
}

/** A store as a namespace would open it. */
export async function openStore(
  options: CassandraTransactionStoreOptions,
  reportError?: (error: WalError) => void,
): Promise<TransactionStore> {
  const store = cassandraTransactionStore(options)
  await store.open?.({ namespace: options.namespace, keepMs: 0, reportError })
  return store
}

let made = 0

/** A head of revision 1, open, of an id made at that instant, behind those of all before. */
export function makeHead(openedAt: number, fields: Partial<TransactionHead> = {}): TransactionHead {
  const time = openedAt.toString(16).padStart(12, '0')
  const number = (++made).toString(16).padStart(12, '0')
  return {
    id: `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${number}`,
    ...{ revision: 1, state: 'open', openedAt, changedAt: openedAt, mutations: 0, bytes: 0 },
    ...{ chunks: 0, checksum: 0, span: 0, version: undefined, targets: {} },
    ...fields,
  }
}

/** The head that follows. */
export function next(
  head: TransactionHead,
  state: TransactionHead['state'],
  fields: Partial<TransactionHead> = {},
): TransactionHead {
  return { ...head, revision: head.revision + 1, state, ...fields }
}
