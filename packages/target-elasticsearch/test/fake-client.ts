import type {
  ElasticsearchCall,
  ElasticsearchCallOptions,
  ElasticsearchClient,
} from '../src/index.ts'

/** A client that remembers its calls and answers as it is told. */
export interface FakeClient extends ElasticsearchClient {
  readonly calls: readonly (ElasticsearchCall & { readonly options: ElasticsearchCallOptions })[]
  /** Lines of all bulks, in order. */
  readonly lines: readonly string[]
}

/** Answers each call with a body, or a promise of one, or throws what is an error. */
export function fakeClient(answer: (call: ElasticsearchCall) => unknown): FakeClient {
  const calls: (ElasticsearchCall & { readonly options: ElasticsearchCallOptions })[] = []
  return {
    calls,
    get lines() {
      return calls.flatMap(({ bulkBody = '' }) => bulkBody.split('\n').slice(0, -1))
    },
    transport: {
      async request(call, options) {
        calls.push({ ...call, options })
        const body = await answer(call)
        if (body instanceof Error) throw body
        return { body, headers: {} }
      },
    },
  }
}

/** How many items a bulk has: each of them puts. */
export function putCount({ bulkBody = '' }: ElasticsearchCall): number {
  return bulkBody.trimEnd().split('\n').length / 2
}

/** A bulk's answer for so many puts, all stored. */
export function allCreated(call: ElasticsearchCall): unknown {
  return { items: Array.from({ length: putCount(call) }, () => ({ index: { status: 201 } })) }
}

/** An error as the client throws it for an answer. */
export function responseError(
  statusCode: number,
  body: unknown = undefined,
  headers: Readonly<Record<string, string>> = {},
): Error {
  return Object.assign(new Error('Response Error'), {
    ...{ name: 'ResponseError', statusCode, body, headers },
  })
}

/** An error of the client's own, by its name. */
export function clientError(name: string): Error {
  return Object.assign(new Error(`what a ${name} says`), { name })
}
