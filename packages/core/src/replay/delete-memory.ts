import type { Clock } from '../clock.ts'
import { isWalError, WalError } from '../errors.ts'
import type { PastRecord } from '../queue/past.ts'
import type { Target } from '../target/target.ts'
import type { ReplayOptions } from './replay.ts'
import type { ReplaysContext } from './replay-context.ts'

/**
 * How long a target remembers its deletes. A record that was stored before that may have been deleted
 * since by a change of which the target knows nothing any more: its guard by version would let the
 * record in, and what was deleted would be back.
 */
export class DeleteMemory {
  readonly #target: string
  readonly #clock: Clock
  readonly #ms: number

  /**
   * Undefined where there is nothing to look at: the target remembers for good, or whoever replays
   * takes it upon himself. New versions are above every delete there was, remembered or not.
   */
  static async of(
    { namespace, targets, clock }: ReplaysContext,
    { target, force, dryRun, restamp }: ReplayOptions,
    signal: AbortSignal,
  ): Promise<DeleteMemory | undefined> {
    const asked = targets[target]
    if (force || dryRun || restamp || asked?.remembersDeletesMs === undefined) return undefined
    const ms = await ask(asked, { namespace, target, signal })
    return ms === undefined ? undefined : new DeleteMemory(target, clock, ms)
  }

  private constructor(target: string, clock: Clock, ms: number) {
    this.#target = target
    this.#clock = clock
    this.#ms = ms
  }

  /** Throws `ERR_REPLAY_TOO_OLD` if one of them might undo a delete that is forgotten. */
  check(records: readonly PastRecord[]): void {
    const remembersSince = this.#clock.now() - this.#ms
    const old = records.find(
      ({ record, storedAt }) => record.op !== 'delete' && storedAt < remembersSince,
    )
    if (old === undefined) return
    throw new WalError(
      'ERR_REPLAY_TOO_OLD',
      `Record ${old.record.id} was stored at ${new Date(old.storedAt).toISOString()}, and target ` +
        `'${this.#target}' remembers deletes for ${this.#ms} ms only: if its key was deleted since, the record ` +
        'might bring it back. Replay from a later instant, or `force` it where that cannot be.',
    )
  }
}

async function ask(
  asked: Pick<Target, 'remembersDeletesMs'>,
  { namespace, target, signal }: { namespace: string; target: string; signal: AbortSignal },
): Promise<number | undefined> {
  try {
    const ms = await asked.remembersDeletesMs?.({ signal })
    if (ms === undefined || ms >= 0) return ms
    throw new TypeError(`remembersDeletesMs answered ${ms}`)
  } catch (cause) {
    const { message } = cause as Partial<Error>
    throw new WalError(
      'ERR_UNAVAILABLE',
      `Target '${target}' of namespace '${namespace}' could not say how long it remembers deletes: ${message} ` +
        'Nothing was sent. Replay once it can be reached, or say `force`.',
      { cause, retryable: !isWalError(cause) || cause.retryable },
    )
  }
}
