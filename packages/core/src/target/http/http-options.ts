import { KeyObject } from 'node:crypto'
import * as v from 'valibot'
import { type Clock, systemClock } from '../../clock.ts'
import { ConfigError } from '../../config/config-error.ts'
import type { Duration, Size } from '../../config/quantity.ts'
import { clockShape } from '../../config/shapes.ts'
import type { Op, WalRecord } from '../../record.ts'
import { aFunction, checkOptions, count, size, timeout } from '../check-options.ts'
import type { BatchLimits, Outcome } from '../target.ts'
import type { HttpCredentials } from './http-credentials.ts'
import type { HttpAnswer, HttpFetch } from './http-exchange.ts'
import { type HttpSigningKey, keyProblem } from './http-signing.ts'

/** Methods that carry a change. */
export type HttpMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What a request's body may be made of; undefined for none. */
export type HttpBody = string | Uint8Array | undefined

/** Names and values of request headers. */
export type HttpHeaders = Readonly<Record<string, string>>

type SigningKeys = HttpSigningKey | readonly HttpSigningKey[]

/** What {@link httpTarget} takes. */
export interface HttpTargetOptions<P = unknown> {
  /**
   * Where requests go: one address for all, or a function of the record. A function needs `hosts`.
   * Credentials do not belong here, but into `headers`.
   *
   * With one address, an application that is down or takes no credential is an outage, in which no
   * record spends an attempt. With a function it is an outage of that record's host: its own records are
   * held back and spend nothing, while those of other hosts go on. So they are where a host asks for
   * less (429).
   */
  readonly url: string | URL | ((record: WalRecord<P>) => string | URL)
  /**
   * The hosts a `url` function may name, each with its port unless that is the protocol's own:
   * `'api.example.com'`, `'localhost:8080'`. A record that leads elsewhere is refused, at its write
   * and when it is applied.
   */
  readonly hosts?: readonly string[] | undefined
  /**
   * Default `'POST'`; a function of the record chooses by op, say. A record for which it answers another
   * name is refused, at its write and when it is applied.
   */
  readonly method?: HttpMethod | ((record: WalRecord<P>) => HttpMethod) | undefined
  /**
   * Sent with every request. A function is asked for each, and may fetch a token; while it fails,
   * the target counts as unavailable.
   */
  readonly headers?: HttpHeaders | (() => HttpHeaders | Promise<HttpHeaders>) | undefined
  /**
   * What is sent. `'record'` (default): a JSON object with `id`, `namespace`, `key`, `op`, `version` (as
   * digits), `origin`, `writtenAt`, `headers` and `payload`, or `{ "records": […] }` of these for a batch.
   * `'payload'`: the payload alone, as JSON, or as it is where it is bytes; the rest goes into headers
   * `daybook-key`, `daybook-op`, `daybook-version`, `daybook-origin`. A function makes its own of the
   * first record and of all.
   */
  readonly body?:
    | 'record'
    | 'payload'
    | ((record: WalRecord<P>, records: readonly WalRecord<P>[]) => HttpBody)
    | undefined
  /**
   * Default false: one request for each record. True, or limits (default 100 records): one request
   * for many. The application may answer for each, with JSON: `{ "results": [{ "id", "status" }, …] }`.
   */
  readonly batch?: boolean | { readonly maxRecords?: number; readonly maxBytes?: Size } | undefined
  /**
   * Signs requests by the Standard Webhooks scheme (`webhook-timestamp`, `webhook-signature`): a secret
   * (`whsec_` and 24 to 64 bytes in base64) for HMAC-SHA256, or an Ed25519 private key. Several
   * make a signature each, so that a receiver can change over. A function is asked for each request, and
   * while it fails the target counts as unavailable.
   */
  readonly signing?:
    | HttpSigningKey
    | readonly HttpSigningKey[]
    | (() => SigningKeys | Promise<SigningKeys>)
    | undefined
  /** Carries the record's id, beside `webhook-id`. Default `'Idempotency-Key'`; false for none. */
  readonly idempotencyHeader?: string | false | undefined
  /**
   * Default `'id'`: the application knows an id it has seen. `'version'`: it compares the version it is
   * sent, so that an older change changes nothing; it may say so with 409 or 412. To a batch it should say
   * so in `results`: a 409 for the whole has all of it sent again, in halves, to find the older one.
   */
  readonly idempotency?: 'id' | 'version' | undefined
  /** Ops the application takes; default all three. */
  readonly ops?: readonly Op[] | undefined
  /** How long the whole of an answer may take. Default `'10s'`; the namespace's `applyTimeout` is above it. */
  readonly timeout?: Duration | undefined
  /** Most of an answer that is read; the rest is left. Default `'1mb'`. */
  readonly answerBytes?: Size | undefined
  /** An address that answers a GET with 2xx while the application is up: the breaker's probe. */
  readonly health?: string | URL | undefined
  /**
   * Says itself what an answer means, for all records or for each; undefined leaves it to the table of
   * status classes.
   */
  readonly classify?:
    | ((
        answer: HttpAnswer,
        records: readonly WalRecord<P>[],
      ) => Outcome | readonly Outcome[] | undefined)
    | undefined
  /** Used in place of the global fetch: for a dispatcher with certificates or a proxy, say. */
  readonly fetch?: HttpFetch | undefined
  /** For tests: the source of time. */
  readonly clock?: Clock | undefined
}

/** Options checked, with every default filled in. */
export interface HttpSettings {
  readonly urlOf: (record: WalRecord) => string | URL
  /** The fixed address; undefined where a function gives each record's. */
  readonly fixedUrl: URL | undefined
  readonly hosts: ReadonlySet<string>
  readonly methodOf: (record: WalRecord) => HttpMethod
  /** True if a function gives each record's, which may be wrong. */
  readonly hasOwnMethods: boolean
  readonly headers: () => HttpHeaders | Promise<HttpHeaders>
  /** Headers and keys that are the same for all requests, and were checked; undefined if a function gives some. */
  readonly fixedCredentials: HttpCredentials | undefined
  readonly body:
    | 'record'
    | 'payload'
    | ((record: WalRecord, records: readonly WalRecord[]) => HttpBody)
  readonly batch: BatchLimits | undefined
  /** True if no request may go without a signature. */
  readonly isSigned: boolean
  readonly signingKeys: () => readonly HttpSigningKey[] | Promise<readonly HttpSigningKey[]>
  readonly idempotencyHeader: string | undefined
  readonly idempotency: 'id' | 'version'
  readonly ops?: readonly Op[] | undefined
  readonly timeoutMs: number
  readonly answerBytes: number
  readonly health?: URL | undefined
  readonly classify?: HttpTargetOptions['classify']
  readonly fetch: HttpFetch
  readonly clock: Clock
}

/** Headers that this target makes itself. */
const ownHeaders = ['webhook-id', 'webhook-timestamp', 'webhook-signature']

const address = v.pipe(
  v.union([v.string(), v.instance(URL)], 'must be an address (or, for url, a function)'),
  v.rawTransform<string | URL, URL>(({ dataset, addIssue, NEVER }) => {
    const parsed = URL.parse(String(dataset.value))
    const problem = parsed === null ? 'is no absolute URL' : addressProblem(parsed)
    if (parsed !== null && problem === undefined) return parsed
    addIssue({ message: problem ?? 'is no absolute URL' })
    return NEVER
  }),
)

const methods = ['POST', 'PUT', 'PATCH', 'DELETE'] as const

/** Why a method cannot be used; undefined if it can. */
export function methodProblem(method: unknown): string | undefined {
  if ((methods as readonly unknown[]).includes(method)) return undefined
  const shown = JSON.stringify(String(method).slice(0, 20))
  return `its method is ${shown}, and has to be 'POST', 'PUT', 'PATCH' or 'DELETE'`
}

const methodReason = "must be 'POST', 'PUT', 'PATCH', 'DELETE', or a function of the record"

const headers = v.pipe(
  v.record(v.string(), v.string('must be text'), 'must be an object of texts, or a function'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    for (const [name, value] of Object.entries(dataset.value)) {
      const reason = headerProblem(name, value)
      if (reason !== undefined) addIssue({ message: reason })
    }
  }),
)

const signingKey = v.pipe(
  v.custom<HttpSigningKey>(
    (value) => typeof value === 'string' || value instanceof KeyObject,
    'must be a secret that begins with whsec_, or an Ed25519 private key',
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    const reason = keyProblem(dataset.value)
    if (reason !== undefined) addIssue({ message: reason })
  }),
)

/** An address never shows it, so that such a host would match none. */
const ownPort = "has the protocol's own port: leave it out"

const schema = v.strictObject({
  url: v.union([aFunction<(record: WalRecord) => string | URL>(), address], ({ issues }) =>
    messageOf(issues, 'must be an address, or a function of the record'),
  ),
  hosts: v.optional(
    v.pipe(
      v.array(
        v.pipe(v.string(), v.toLowerCase(), v.regex(/^(?!.*:(?:80|443)$)/, ownPort)),
        'must be an array of hosts',
      ),
      v.nonEmpty('must name a host'),
    ),
  ),
  method: v.optional(
    v.union([aFunction<(record: WalRecord) => HttpMethod>(), v.picklist(methods)], methodReason),
    'POST',
  ),
  headers: v.optional(
    v.union([aFunction<() => HttpHeaders | Promise<HttpHeaders>>(), headers], ({ issues }) =>
      messageOf(issues, 'must be an object of texts, or a function'),
    ),
    {},
  ),
  body: v.optional(
    v.union(
      [
        aFunction<(record: WalRecord, records: readonly WalRecord[]) => HttpBody>(),
        v.picklist(['record', 'payload']),
      ],
      "must be 'record', 'payload' or a function",
    ),
    'record',
  ),
  batch: v.optional(
    v.union(
      [
        v.boolean(),
        v.strictObject({ maxRecords: v.optional(count, 100), maxBytes: v.optional(size, 2 ** 20) }),
      ],
      'must be true, false, or an object of maxRecords and maxBytes',
    ),
    false,
  ),
  signing: v.optional(
    v.union(
      [
        aFunction<() => SigningKeys | Promise<SigningKeys>>(),
        signingKey,
        v.pipe(v.array(signingKey), v.nonEmpty('must hold a key')),
      ],
      ({ issues }) => messageOf(issues, 'must be a key, keys, or a function'),
    ),
  ),
  idempotencyHeader: v.optional(
    v.union(
      [
        v.literal(false),
        v.pipe(
          v.string(),
          v.check((name) => headerProblem(name, '') === undefined),
        ),
      ],
      'must be the name of a header, or false',
    ),
    'Idempotency-Key',
  ),
  idempotency: v.optional(v.picklist(['id', 'version'], "must be 'id' or 'version'"), 'id'),
  ops: v.optional(v.array(v.picklist(['put', 'patch', 'delete']), 'must be an array of ops')),
  timeout: v.optional(timeout, 10_000),
  answerBytes: v.optional(size, 2 ** 20),
  health: v.optional(address),
  classify: v.optional(aFunction<NonNullable<HttpTargetOptions['classify']>>()),
  fetch: v.optional(aFunction<HttpFetch>()),
  clock: v.optional(clockShape, systemClock),
})

/** Checks the options of a target over HTTP. Throws `ConfigError`. */
export function httpSettings(options: unknown): HttpSettings {
  const parsed = checkOptions('httpTarget', schema, options)
  refuseTogether(parsed)
  const { url, method, headers, signing, batch } = parsed
  const fixedUrl = url instanceof URL ? url : undefined
  return {
    ...parsed,
    urlOf: url instanceof URL ? () => url : url,
    fixedUrl,
    hosts: new Set(parsed.hosts),
    hasOwnMethods: typeof method === 'function',
    methodOf: typeof method === 'function' ? method : () => method,
    headers: typeof headers === 'function' ? headers : () => headers,
    fixedCredentials:
      typeof headers === 'function' || typeof signing === 'function'
        ? undefined
        : { headers: { ...headers }, keys: listOf(signing) },
    batch: batch === true ? { maxRecords: 100, maxBytes: 2 ** 20 } : batch || undefined,
    isSigned: signing !== undefined,
    signingKeys:
      typeof signing === 'function' ? async () => listOf(await signing()) : () => listOf(signing),
    idempotencyHeader: parsed.idempotencyHeader || undefined,
    timeoutMs: parsed.timeout,
    fetch: parsed.fetch ?? ((address, init) => globalThis.fetch(address, init)),
  }
}

function listOf(keys: SigningKeys = []): readonly HttpSigningKey[] {
  return [keys].flat() as HttpSigningKey[]
}

/** Why an address cannot be used; undefined if it can. It is not named: it may hold a password. */
export function addressProblem(url: URL): string | undefined {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'is not of http or https'
  if (url.username !== '' || url.password !== '') {
    return 'holds a user name or a password: give them as an authorization header'
  }
  return undefined
}

/** Why a header cannot be sent, without its value, which may be a credential. */
export function headerProblem(name: string, value: string): string | undefined {
  if (ownHeaders.includes(name.toLowerCase()))
    return `the header '${name}' is made by the target itself`
  try {
    new Headers({ [name]: value })
  } catch {
    return `the header '${name}' holds something that no header may`
  }
  return undefined
}

function refuseTogether({ url, hosts, method, batch, body }: v.InferOutput<typeof schema>): void {
  const perRecord = typeof url === 'function' || typeof method === 'function'
  const refuse = (option: string, reason: string): never => {
    throw new ConfigError([{ path: `httpTarget.${option}`, reason }])
  }
  if (typeof url === 'function' && hosts === undefined) {
    refuse('hosts', 'is missing: a url function needs the hosts it may name')
  }
  if (typeof url !== 'function' && hosts !== undefined)
    refuse('hosts', 'is for a url function only')
  if (batch !== false && perRecord) {
    refuse('batch', 'cannot be used with a url or method function: a request goes to one address')
  }
  if (batch !== false && body === 'payload') {
    refuse('body', "'payload' is that of one record; give a function for a batch")
  }
}

/** The reason of the alternative that was meant, as far as that can be told. */
function messageOf(issues: readonly v.BaseIssue<unknown>[] | undefined, otherwise: string): string {
  const inner = issues?.flatMap((issue) => issue.issues ?? [issue])
  return inner?.find(({ kind }) => kind !== 'schema')?.message ?? otherwise
}
