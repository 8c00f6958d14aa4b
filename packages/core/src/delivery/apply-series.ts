import type { Timer } from '../clock.ts'
import type { WalRecord } from '../record.ts'
import { type ApplyEnd, type ApplyOptions, abortReason } from './apply-with-timeout.ts'

export type ApplySeriesOptions = Omit<ApplyOptions, 'records' | 'context'> & {
  readonly context: Omit<ApplyOptions['context'], 'attempts'>
}

/** One apply that is under way. */
interface Apply {
  readonly startedAt: number
  aborted: 'timeout' | 'stopped' | undefined
  /** Its own: what it leaves with its signal, such as a listener, is not told of those that follow. */
  readonly controller: AbortController
  end(end: ApplyEnd): void
}

/**
 * Applies that follow each other, one at a time, each as `applyWithTimeout` would do it: with the same time-out, grace and
 * end. They share timer and listener, which would take longer than a target that is quick.
 */
export class ApplySeries {
  readonly #options: ApplySeriesOptions
  #now: Apply | undefined
  /** Set to the end of the time-out of an apply, this one or one before; or of the grace. */
  #timer: Timer | undefined

  constructor(options: ApplySeriesOptions) {
    this.#options = options
    options.stop.add(this.#onStop)
  }

  /** Never rejects. `attempt` is that of each of them, from 1. */
  apply(records: readonly WalRecord[], attempt: number): Promise<ApplyEnd> {
    const { target, context, stop, clock, timeoutMs } = this.#options
    return new Promise((resolve) => {
      if (stop.isStopped) return resolve({ kind: 'stopped' })
      const now: Apply = {
        startedAt: clock.monotonic(),
        aborted: undefined,
        controller: new AbortController(),
        end: (end) => {
          if (this.#now !== now) return
          this.#now = undefined
          if (now.aborted !== undefined) this.#cancel()
          resolve(end)
        },
      }
      this.#now = now
      this.#timer ??= clock.setTimer(timeoutMs, this.#onTime)
      const attempts = records.map(() => attempt)
      const { signal } = now.controller
      try {
        Promise.resolve(target.apply(records, { ...context, attempts, signal })).then(
          (answer) => now.end({ kind: 'answered', answer }),
          (error: unknown) => now.end(threw(now, error)),
        )
      } catch (error) {
        now.end(threw(now, error))
      }
    })
  }

  /** No more of them come. */
  end(): void {
    this.#cancel()
    this.#options.stop.delete(this.#onStop)
  }

  #cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  readonly #onStop = (): void => this.#abort('stopped')

  /** It was set for an apply that may have ended since. */
  readonly #onTime = (): void => {
    this.#timer = undefined
    if (this.#now === undefined) return
    const { clock, timeoutMs } = this.#options
    const leftMs = this.#now.startedAt + timeoutMs - clock.monotonic()
    if (leftMs <= 0) this.#abort('timeout')
    else this.#timer = clock.setTimer(leftMs, this.#onTime)
  }

  #abort(why: 'timeout' | 'stopped'): void {
    const now = this.#now
    if (now === undefined || now.aborted !== undefined) return
    now.aborted = why
    const { clock, graceMs, context, timeoutMs } = this.#options
    const isStopped = why === 'stopped'
    this.#cancel()
    this.#timer = clock.setTimer(
      graceMs,
      () => now.end(isStopped ? { kind: 'stopped' } : { kind: 'timeout', heeded: false }),
      // Nobody waits for it once the delivery has stopped.
      { unref: isStopped },
    )
    now.controller.abort(abortReason(why, context.target, timeoutMs))
  }
}

function threw({ aborted }: Apply, error: unknown): ApplyEnd {
  if (aborted === undefined) return { kind: 'threw', error }
  return aborted === 'stopped' ? { kind: 'stopped' } : { kind: 'timeout', heeded: true }
}
