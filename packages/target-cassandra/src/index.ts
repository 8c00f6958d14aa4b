export type {
  CassandraCallOptions,
  CassandraClient,
  CassandraResult,
  CassandraRetryPolicy,
  CassandraStatement,
} from './cassandra-client.ts'
export type { CassandraTargetOptions, StatementFunction } from './cassandra-options.ts'
export { cassandraTarget } from './cassandra-target.ts'
export type { Consistency } from './consistency.ts'
export { cassandraTransactionStore } from './transactions/cassandra-transaction-store.ts'
export type { CassandraTransactionStoreOptions } from './transactions/transaction-options.ts'
export { cassandraTransactionTables } from './transactions/transaction-tables.ts'
