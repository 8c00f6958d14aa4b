import type { WalError } from '../errors.ts'
import type { TransactionStore } from '../transaction/transaction-store.ts'
import { runWithin, within } from './check.ts'
import type { ConformanceCase } from './conformance-case.ts'
import { chunkCases } from './transaction-cases/chunk-cases.ts'
import { headCases } from './transaction-cases/head-cases.ts'
import { lifeCases } from './transaction-cases/life-cases.ts'
import {
  type TransactionCase,
  TransactionFixture,
} from './transaction-cases/transaction-fixture.ts'

/** Storage of its own for one case, and the stores over it. */
export interface TransactionStoreSubject {
  /** Opens the store under test. Called again after the last one was closed: over the same storage. */
  open(): TransactionStore | Promise<TransactionStore>
  /** False if nothing is left once it is closed. Default true. */
  readonly reopens?: boolean
  /** Where the store reads each head by itself, so that one alone may be unreadable: how to make one so, and what it has told of. */
  readonly unreadable?: UnreadableHeads
  /** Frees what the case used. */
  dispose?(): void | Promise<void>
}

/** Makes heads unreadable in the storage of a store under test, and readable again. */
export interface UnreadableHeads {
  /** What was reported to the context with which the store was opened. */
  readonly reported: readonly WalError[]
  spoil(id: string): void | Promise<void>
  mend(id: string): void | Promise<void>
}

/** What {@link transactionStoreConformance} needs to know of the implementation under test. */
export interface TransactionStoreConformanceOptions {
  /** Called once for every case. */
  create(): TransactionStoreSubject | Promise<TransactionStoreSubject>
  /** How long one call may take, in real ms; default 5,000. A whole case gets four times that. */
  readonly patienceMs?: number
}

/** What every store of transactions must do, one case per demand. */
export function transactionStoreConformance(
  options: TransactionStoreConformanceOptions,
): readonly ConformanceCase[] {
  const cases = [...headCases, ...chunkCases, ...lifeCases]
  return cases.map(({ name, run }) => ({ name, run: () => runCase(options, { name, run }) }))
}

async function runCase(
  options: TransactionStoreConformanceOptions,
  { name, run }: TransactionCase,
): Promise<void> {
  const subject = await options.create()
  const patienceMs = options.patienceMs ?? 5_000
  const fixture = new TransactionFixture(subject, await subject.open())
  try {
    await runWithin(patienceMs * 4, name, () => run(fixture))
  } finally {
    // After a failed case it may hang or be broken: never for long, and not worth a report.
    await within(patienceMs, fixture.store.close(), 'closes').catch(() => {})
    await subject.dispose?.()
  }
}
