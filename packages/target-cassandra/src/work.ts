import type { FailureOutcome } from '@daybook/core'
import type { CassandraStatement } from './cassandra-client.ts'

/** What a record comes to: statements that are all to succeed. */
export interface Work {
  readonly statements: readonly CassandraStatement[]
  /** Where all of its statements go, if that is one partition and known: then they may share a batch. */
  readonly partition: string | undefined
  /** About what its values take, in bytes. */
  readonly bytes: number
  /** Reads the row, for a look at whether the replicas answer. */
  readonly probe: CassandraStatement | undefined
  /** What made it: another one by now if the table has changed since. */
  readonly madeBy: object
}

/** The work of a record, or why there cannot be any. */
export type WorkOrFailure = Work | FailureOutcome
