import type { ReadableBody } from './http-exchange.ts'
import type { RequestLimit } from './request-limit.ts'

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
  body: ReadableBody,
  mostBytes: number,
  limit: RequestLimit,
): Promise<BoundedText> {
  const reader = body.getReader()
  const letGo = (): void => void reader.cancel().catch(() => {})
  limit.onReached(letGo)
  const decoder = new TextDecoder()
  let text = ''
  let left = mostBytes
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || value === undefined)
        return { text: text + decoder.decode(), isCut: limit.signal.aborted }
      text += decoder.decode(value.subarray(0, left), { stream: true })
      left -= value.byteLength
      if (left >= 0) continue
      letGo()
      return { text, isCut: true }
    }
  } catch {
    return { text, isCut: true }
  }
}
