import type { QueueContext } from '../queue.ts'

/**
 * The same, but what its listener throws is thrown again in the open: it is called in the midst of
 * work that must be brought to its end.
 */
export function guardReports(context: QueueContext): QueueContext {
  return {
    ...context,
    reportError: guarded((error) => context.reportError(error)),
    retentionHeld: guarded((hold) => context.retentionHeld?.(hold)),
    passedOver: guarded((target) => context.passedOver?.(target)),
  }
}

function guarded<T>(listener: (event: T) => void): (event: T) => void {
  return (event) => {
    try {
      listener(event)
    } catch (thrown) {
      queueMicrotask(() => {
        throw thrown
      })
    }
  }
}
