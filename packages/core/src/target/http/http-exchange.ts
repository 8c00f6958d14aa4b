import type { Clock } from '../../clock.ts'
import type { HttpMethod } from './http-options.ts'
import { readBounded } from './read-bounded.ts'
import { RequestLimit } from './request-limit.ts'

/** What is asked of a `fetch`: as much of the platform's as is used. */
export type HttpFetch = (url: string, init: HttpFetchInit) => Promise<HttpFetchAnswer>

/** What a request is made of. */
export interface HttpFetchInit {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: string | Uint8Array<ArrayBuffer>
  readonly redirect: 'manual'
  readonly signal: AbortSignal
}

/** What of an answer is looked at. */
export interface HttpFetchAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: ReadableBody | null
}

/** A body that is read piece by piece. */
export interface ReadableBody {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
    cancel(): Promise<void>
  }
}

/** What an application has answered. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  /** As text, up to `answerBytes`. */
  readonly body: string
  /** True if there was more of it than `answerBytes`, or it broke off. */
  readonly isCut: boolean
  /** What was asked: the method and the address, without its query. */
  readonly request: { readonly method: HttpMethod | 'GET'; readonly url: string }
}

export interface HttpRequest {
  readonly url: URL
  readonly method: HttpMethod | 'GET'
  readonly headers: Record<string, string>
  readonly body: string | Uint8Array | undefined
}

export interface ExchangeOptions {
  readonly fetch: HttpFetch
  readonly clock: Clock
  readonly timeoutMs: number
  readonly answerBytes: number
}

const mostRedirects = 3

/**
 * Sends a request and reads its answer, all of it in time. A redirect is followed where it keeps the
 * method and the body (307, 308) and leads to the same host; any other is the answer.
 *
 * Rejects with what the connection failed with, with `NoAnswerInTime`, or once the signal aborts.
 */
export async function exchange(
  { url: firstUrl, method, headers, body }: HttpRequest,
  signal: AbortSignal,
  { fetch, clock, timeoutMs, answerBytes }: ExchangeOptions,
): Promise<HttpAnswer> {
  const limit = new RequestLimit(signal, clock, timeoutMs)
  const init = { method, headers, redirect: 'manual', signal: limit.signal } as const
  const sent = body === undefined ? init : { ...init, body: body as Uint8Array<ArrayBuffer> }
  try {
    let url = firstUrl
    for (let redirects = 0; ; redirects++) {
      const answer = await limit.during(fetch(url.href, sent))
      const next = redirects < mostRedirects ? nextUrl(url, answer) : undefined
      const { text, isCut } =
        answer.body === null
          ? noText
          : await readBounded(answer.body, next ? 0 : answerBytes, limit)
      if (next === undefined) {
        const request = { method, url: shownUrl(url) }
        return { status: answer.status, headers: answer.headers, body: text, isCut, request }
      }
      url = next
    }
  } finally {
    limit.end()
  }
}

const noText = { text: '', isCut: false }

/** Where to ask again, or undefined where the answer stands. */
function nextUrl(url: URL, { status, headers }: HttpFetchAnswer): URL | undefined {
  const location = status === 307 || status === 308 ? headers.get('location') : null
  const next = location === null ? null : URL.parse(location, url.href)
  if (next === null || next.host !== url.host || next.username !== '') return undefined
  const isSafe = next.protocol === url.protocol || next.protocol === 'https:'
  return isSafe ? next : undefined
}

/** An address for messages: its query and its user may be credentials. */
export function shownUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`
}
