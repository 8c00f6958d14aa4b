import type { ReadableBody } from './http-exchange.ts'

/** The beginning of a body, as text. */
export interface BoundedText {
  readonly text: string
  /** True if there was more, or it broke off. */
  readonly isCut: boolean
}

/**
 * Reads at most so many bytes of a body and lets go of the rest. What breaks off, or does not come in
 * time, is given as far as it came: the status before it stands. Never rejects.
 */
export async function readBounded(
  body: ReadableBody | null,
  mostBytes: number,
  signal: AbortSignal,
): Promise<BoundedText> {
  if (body === null) return { text: '', isCut: false }
  const reader = body.getReader()
  const abort = (): void => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', abort, { once: true })
  const decoder = new TextDecoder()
  let text = ''
  let left = mostBytes
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || value === undefined)
        return { text: text + decoder.decode(), isCut: signal.aborted }
      text += decoder.decode(value.subarray(0, left), { stream: true })
      left -= value.byteLength
      if (left >= 0) continue
      abort()
      return { text, isCut: true }
    }
  } catch {
    return { text, isCut: true }
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
