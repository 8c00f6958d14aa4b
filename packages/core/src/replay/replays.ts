import { WalError } from '../errors.ts'
import type { PastRange } from '../queue/past.ts'
import { checkReplay } from './check-replay.ts'
import type { ReplayOptions, ReplayReport } from './replay.ts'
import type { ReplaysContext } from './replay-context.ts'
import { ReplayError } from './replay-error.ts'
import { ReplayRun } from './replay-run.ts'

/**
 * Applies past ranges of the log again: reads the records outside of every target's progress, and
 * sends each once more through the namespace's producer, for its one target, with its id and its
 * version. So a replay is as durable, ordered and bounded as writes are, and goes nowhere else.
 *
 * Records go in the order in which they were stored, a batch once the one before is durable. What is
 * behind the position of the report is durable; a replay that is cut short goes on from there, and
 * sends at most a batch twice.
 */
export class Replays {
  readonly #context: ReplaysContext
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<unknown>>()

  constructor(context: ReplaysContext) {
    this.#context = context
  }

  /** See `Namespace.replay`. */
  async run(options: ReplayOptions): Promise<ReplayReport> {
    const range = checkReplay(options)
    this.#check(options)
    const running = this.#begin(options, range)
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  /** Ends those that are under way; resolves once none is. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.allSettled(this.#running)
  }

  #check({ target, force, dryRun, restamp }: ReplayOptions): void {
    const { namespace, queue, targets, isReplicated } = this.#context
    if (!Object.hasOwn(targets, target)) {
      const names = Object.keys(targets).join(', ')
      throw new WalError(
        'ERR_UNKNOWN_TARGET',
        `Namespace '${namespace}' has no target '${target}' to replay to; there is ${names}.`,
      )
    }
    if (queue.pastReader === undefined) {
      throw new WalError(
        'ERR_NOT_SUPPORTED',
        `Namespace '${namespace}' cannot be replayed: a ${queue.kind} queue (namespaces.${namespace}.queue) ` +
          'does not keep records for it. Use a queue that does, such as the embedded log.',
      )
    }
    if (restamp && queue.supports.shared) {
      // Versions are kept free by this process's clock, and others would give them out all the same.
      throw new WalError(
        'ERR_NOT_SUPPORTED',
        `Namespace '${namespace}' cannot be replayed with new versions (restamp): other processes may write into ` +
          `its ${queue.kind} queue meanwhile. Replay it with the versions the records have.`,
      )
    }
    if (restamp && isReplicated) {
      throw new WalError(
        'ERR_NOT_SUPPORTED',
        `Namespace '${namespace}' cannot be replayed with new versions (restamp): its target would hold versions that no ` +
          'other region has, and regions would not end the same. Replay it with the versions the records have.',
      )
    }
    const idempotency = targets[target]?.idempotency
    if (idempotency !== 'version' && !force && !dryRun) {
      throw new WalError(
        'ERR_REPLAY_UNGUARDED',
        `Target '${target}' of namespace '${namespace}' says idempotency '${idempotency}': a record that is ` +
          'replayed may undo a newer one of its key, or be taken for one it has had. `force` replays all the same.',
      )
    }
  }

  async #begin(options: ReplayOptions, range: PastRange): Promise<ReplayReport> {
    const { signal } = this.#closing
    const report = await (await ReplayRun.open(this.#context, options, range, signal)).run(range)
    if (report.complete || !signal.aborted) return report
    const closed = new WalError('ERR_CLOSED', 'The namespace was closed.')
    throw new ReplayError(this.#context.namespace, report, closed)
  }
}
