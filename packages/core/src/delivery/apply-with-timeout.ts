import type { Clock, Timer } from '../clock.ts'
import type { WalRecord } from '../record.ts'
import type { ApplyContext, Target } from '../target/target.ts'
import type { StopCalls } from './stop-calls.ts'

/** How an apply came to its end. */
export type ApplyEnd =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
  /** The time-out was over. `heeded` is false if it went on after its signal, and may still. */
  | { readonly kind: 'timeout'; readonly heeded: boolean }
  /** The wal is closing, and the apply was aborted for it. */
  | { readonly kind: 'stopped' }

export interface ApplyOptions {
  readonly target: Target<unknown>
  readonly records: readonly WalRecord[]
  readonly context: Omit<ApplyContext, 'signal'>
  readonly timeoutMs: number
  /** How long it is waited for after its signal has aborted. */
  readonly graceMs: number
  readonly clock: Clock
  /** Ends the apply, as the time-out does. */
  readonly stop: StopCalls
}

/**
 * Applies, and aborts the signal when the time is over. Waits for the apply to settle even then,
 * since until it does its keys may still be written; but no longer than the grace. What it answers
 * within the grace counts. Never rejects.
 */
export function applyWithTimeout(options: ApplyOptions): Promise<ApplyEnd> {
  const { target, records, context, timeoutMs, graceMs, clock, stop } = options
  return new Promise((resolve) => {
    const controller = new AbortController()
    let aborted: 'timeout' | 'stopped' | undefined
    let timer: Timer = clock.setTimer(timeoutMs, () => abort('timeout'))
    const end = (end: ApplyEnd): void => {
      timer.cancel()
      stop.delete(onStop)
      resolve(end)
    }
    const abort = (why: 'timeout' | 'stopped'): void => {
      if (aborted !== undefined) return
      aborted = why
      timer.cancel()
      const isStopped = why === 'stopped'
      timer = clock.setTimer(
        graceMs,
        () => end(isStopped ? { kind: 'stopped' } : { kind: 'timeout', heeded: false }),
        // Nobody waits for it once the delivery has stopped.
        { unref: isStopped },
      )
      controller.abort(abortReason(why, context.target, timeoutMs))
    }
    const onStop = (): void => abort('stopped')
    const threw = (error: unknown): void => {
      if (aborted === undefined) end({ kind: 'threw', error })
      else end(aborted === 'stopped' ? { kind: 'stopped' } : { kind: 'timeout', heeded: true })
    }
    stop.add(onStop)
    if (stop.isStopped) return end({ kind: 'stopped' })
    try {
      Promise.resolve(target.apply(records, { ...context, signal: controller.signal })).then(
        (answer) => end({ kind: 'answered', answer }),
        threw,
      )
    } catch (error) {
      threw(error)
    }
  })
}

/** What the signal of an apply is aborted with. */
export function abortReason(
  why: 'timeout' | 'stopped',
  targetName: string,
  timeoutMs: number,
): DOMException {
  return why === 'timeout'
    ? new DOMException(`Target '${targetName}' took longer than ${timeoutMs} ms`, 'TimeoutError')
    : new DOMException('The wal is closing', 'AbortError')
}
