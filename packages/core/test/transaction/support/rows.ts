import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { versionDistance } from '../../../src/transaction/transaction-writer.ts'
import type { TransactionsContext } from '../../../src/transaction/transactions.ts'

type Rows = Pick<
  TransactionsContext,
  | 'namespace'
  | 'origin'
  | 'maxMutations'
  | 'maxBytes'
  | 'largestMarkerBytes'
  | 'handsOutForMs'
  | 'check'
  | 'build'
>

/** A namespace of bytes with wide limits, whose queue hands a marker out for ever. */
export const rows: Rows = {
  ...{ namespace: 'rows', origin: 'local', maxMutations: 100, maxBytes: 1e9 },
  ...{ largestMarkerBytes: 1e6, handsOutForMs: Number.POSITIVE_INFINITY },
  check: ({ payload }) => payload,
  build: ({ key, target, payload }, _, { id, index, steps }) =>
    makeStoredRecord({
      ...{ key, target, payload: payload as Uint8Array, transaction: { id, index } },
      version: versionDistance(steps),
    }),
}
