import type { Clock } from '../clock.ts'
import type { Queue } from '../queue/queue.ts'
import { runWithin, Stalled } from './check.ts'
import type { ConformanceCase } from './conformance-case.ts'
import { ackCases } from './queue-cases/ack-cases.ts'
import { aheadCases } from './queue-cases/ahead-cases.ts'
import { attemptCases } from './queue-cases/attempt-cases.ts'
import { backlogCases } from './queue-cases/backlog-cases.ts'
import { declarationCases } from './queue-cases/declaration-cases.ts'
import { delayCases } from './queue-cases/delay-cases.ts'
import { parkCases } from './queue-cases/park-cases.ts'
import { pastCases } from './queue-cases/past-cases.ts'
import { pullCases } from './queue-cases/pull-cases.ts'
import { type QueueCase, QueueFixture } from './queue-cases/queue-fixture.ts'
import { randomRunCases } from './queue-cases/random-run-cases.ts'
import { readerCases } from './queue-cases/reader-cases.ts'
import { recallCases } from './queue-cases/recall-cases.ts'
import { recordCases } from './queue-cases/record-cases.ts'
import { releaseCases } from './queue-cases/release-cases.ts'
import { restartCases } from './queue-cases/restart-cases.ts'
import { sendCases } from './queue-cases/send-cases.ts'

/** Storage of its own for one case, and the queues over it. */
export interface QueueSubject {
  /**
   * The queue under test, not opened yet. Asked again after the last one was closed, and after
   * `crash`: then a queue over the same storage.
   */
  queue(): Queue | Promise<Queue>
  /** False if nothing is left once the queue is closed; it must then declare durability `'none'`. Default true. */
  readonly reopens?: boolean
  /**
   * Leaves the storage as the death of the process at this instant would. The queue in use is not
   * used again; it may be closed later. Left out only by a queue of durability `'none'`.
   */
  crash?(): void | Promise<void>
  /** Passed on as `QueueContext.directory`. */
  readonly directory?: string
  /** Frees what the case used. */
  dispose?(): void | Promise<void>
}

/** What {@link queueConformance} needs to know of the implementation under test. */
export interface QueueConformanceOptions {
  /** Called for every case, and again where a case is run again with longer delays. */
  create(): QueueSubject | Promise<QueueSubject>
  /** Handed to the queue; default the machine's clock. */
  readonly clock?: Clock
  /** Lets that time go by on the clock, in ms. Default: waits for it. A virtual clock is advanced here. */
  readonly passTime?: (ms: number) => Promise<void>
  /**
   * The delay used where a case needs one, in ms; default 120. A queue that counts in seconds needs more. A case
   * that finds that the machine stood still for longer is run again, with delays twice as long each time.
   */
  readonly shortDelayMs?: number
  /** How long a pull must bring nothing to be taken as empty, in real ms; default 60. */
  readonly quietMs?: number
  /** How long to wait for what must happen, in real ms; default 5,000. A whole case gets four times that. */
  readonly patienceMs?: number
  /** Starts the random cases; default a new one each time. It is printed with a failure. */
  readonly seed?: number
}

/**
 * What every queue must do, one case per demand. What a queue declares not to support is held to
 * its declaration: the case then asserts that it is refused or absent, and is never skipped.
 */
export function queueConformance(options: QueueConformanceOptions): readonly ConformanceCase[] {
  const cases: QueueCase[] = [
    ...declarationCases,
    ...sendCases,
    ...recordCases,
    ...pullCases,
    ...ackCases,
    ...releaseCases,
    ...aheadCases,
    ...parkCases,
    ...delayCases,
    ...recallCases,
    ...attemptCases,
    ...restartCases,
    ...readerCases,
    ...pastCases,
    ...backlogCases,
    ...randomRunCases,
  ]
  return cases.map((one) => ({ name: one.name, run: () => runCase(options, one) }))
}

/** How often a case is run at most, on a machine that stands still each time. */
const mostRuns = 6

async function runCase(options: QueueConformanceOptions, queueCase: QueueCase): Promise<void> {
  let own = options
  for (let runs = 1; ; runs++) {
    const fixture = await QueueFixture.start(own, queueCase.blocksKeys)
    try {
      return await runOnce(fixture, queueCase)
    } catch (error) {
      if (!(error instanceof Stalled) || runs === mostRuns) throw error
      own = { ...options, shortDelayMs: fixture.shortDelayMs * 2 }
    } finally {
      await fixture.dispose()
    }
  }
}

async function runOnce(fixture: QueueFixture, { name, run }: QueueCase): Promise<void> {
  const wholeMs = fixture.patienceMs * 4
  await runWithin(wholeMs, name, () => run(fixture))
  await runWithin(wholeMs, 'Queue.close resolves', () => fixture.checkedEnd())
}
