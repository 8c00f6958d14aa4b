import { WalError } from '../errors.ts'
import type { Target } from './target.ts'

/**
 * The same target, opened before it is first used. Where that fails the target is unavailable, as
 * in any other outage: delivery to it pauses, and every probe tries to open it again. So a store
 * that is down when a service starts holds up neither the service nor its other targets.
 */
export function openedOnFirstUse(
  name: string,
  target: Target,
): Target & { close(): Promise<void> } {
  let opening: Promise<void> | undefined

  async function open(): Promise<void> {
    try {
      await target.open?.()
    } catch (cause) {
      opening = undefined
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new WalError('ERR_UNAVAILABLE', `Target '${name}' could not be opened: ${reason}`, {
        cause,
        retryable: true,
      })
    }
  }

  function opened(): Promise<void> {
    opening ??= open()
    return opening
  }

  return {
    idempotency: target.idempotency,
    ops: target.ops,
    appliesInOrder: target.appliesInOrder,
    largestBatch: target.largestBatch,
    async apply(records, context) {
      await opened()
      return target.apply(records, context)
    },
    ...(target.health && {
      async health(options: { readonly signal: AbortSignal }) {
        await opened()
        await target.health?.(options)
      },
    }),
    async close() {
      const wasOpened = await opening?.then(
        () => true,
        () => false,
      )
      if (wasOpened) await target.close?.()
    },
  }
}
