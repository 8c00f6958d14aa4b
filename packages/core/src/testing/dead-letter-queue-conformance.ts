import type { DeadLetterQueue } from '../dlq/dlq.ts'
import { runWithin, within } from './check.ts'
import type { ConformanceCase } from './conformance-case.ts'
import { closingCases } from './dlq-cases/closing-cases.ts'
import { type DeadLetterCase, DeadLetterFixture } from './dlq-cases/dead-letter-fixture.ts'
import { listCases } from './dlq-cases/list-cases.ts'
import { pagingCases } from './dlq-cases/paging-cases.ts'
import { putCases } from './dlq-cases/put-cases.ts'
import { removeCases } from './dlq-cases/remove-cases.ts'

/** Storage of its own for one case, and the dead-letter queues over it. */
export interface DeadLetterQueueSubject {
  /** Opens the queue under test. Called again after the last one was closed: over the same storage. */
  open(): DeadLetterQueue | Promise<DeadLetterQueue>
  /** False if nothing is left once it is closed, as in memory. Default true. */
  readonly reopens?: boolean
  /** Frees what the case used. */
  dispose?(): void | Promise<void>
}

/** What {@link deadLetterQueueConformance} needs to know of the implementation under test. */
export interface DeadLetterQueueConformanceOptions {
  /** Called once for every case. */
  create(): DeadLetterQueueSubject | Promise<DeadLetterQueueSubject>
  /** How long one call may take, in real ms; default 5,000. A whole case gets four times that. */
  readonly patienceMs?: number
}

/** What every dead-letter queue must do, one case per demand. */
export function deadLetterQueueConformance(
  options: DeadLetterQueueConformanceOptions,
): readonly ConformanceCase[] {
  const cases: DeadLetterCase[] = [
    ...putCases,
    ...listCases,
    ...pagingCases,
    ...removeCases,
    ...closingCases,
  ]
  return cases.map(({ name, run }) => ({ name, run: () => runCase(options, { name, run }) }))
}

async function runCase(
  options: DeadLetterQueueConformanceOptions,
  { name, run }: DeadLetterCase,
): Promise<void> {
  const subject = await options.create()
  const patienceMs = options.patienceMs ?? 5_000
  const fixture = new DeadLetterFixture(subject, await subject.open(), patienceMs)
  try {
    await runWithin(patienceMs * 4, name, () => run(fixture))
  } finally {
    // After a failed case it may hang or be broken: never for long, and not worth a report.
    await within(patienceMs, fixture.queue.close(), 'closes').catch(() => {})
    await subject.dispose?.()
  }
}
