import { reasonOf } from '../../error-text.ts'
import { WalError } from '../../errors.ts'
import type { WalRecord } from '../../record.ts'
import {
  type ApplyContext,
  type FailureOutcome,
  type Outcome,
  permanent,
  type Target,
  transient,
} from '../target.ts'
import { resultsOf } from './batch-results.ts'
import { BusyHosts } from './busy-hosts.ts'
import { credentialsOf } from './http-credentials.ts'
import { exchange, type HttpAnswer, shownUrl } from './http-exchange.ts'
import { failureOf, isOfHost } from './http-failures.ts'
import {
  addressProblem,
  type HttpSettings,
  type HttpTargetOptions,
  httpSettings,
  methodProblem,
} from './http-options.ts'
import { type AnswerContext, outcomeOf } from './http-outcomes.ts'
import { bodyOf, type EncodedBody, type HttpDestination, requestOf } from './http-request.ts'
import { outcomeAtPeer } from './peer-outcome.ts'
import { redactionOf } from './redaction.ts'

/** What is known of a request that has an answer. */
interface Sent {
  readonly redact: AnswerContext['redact']
  /** Monotonic ms. */
  readonly sentAt: number
  readonly isPeer: boolean
}

type Batch = readonly [WalRecord, ...WalRecord[]]

/**
 * A target that is an application over HTTP: one request for each record, or for a batch of them. The
 * record's id is the idempotency key. Nothing is sent again by this target, and no redirect to another
 * host is followed. Throws `ConfigError` for options that are wrong or unknown.
 *
 * @example
 * const billing = httpTarget<Invoice>({
 *   url: 'https://billing.example.com/invoices',
 *   headers: { authorization: `Bearer ${token}` },
 *   signing: process.env.WEBHOOK_SECRET,
 * })
 */
export function httpTarget<P = unknown>(options: HttpTargetOptions<P>): Target<P> {
  return new HttpTarget(httpSettings(options)) as Target<P>
}

class HttpTarget implements Target {
  readonly idempotency: Target['idempotency']
  readonly ops: Target['ops']
  /** Elsewhere it is an application like others, which may take one record of a key at a time. */
  readonly passesOn: Target['passesOn']
  readonly largestBatch: Target['largestBatch']
  /** Only where an address of one is given: a record probes otherwise. */
  readonly health?: NonNullable<Target['health']>
  /** Only where a record may have a wrong address or method. */
  readonly validate?: NonNullable<Target['validate']>
  readonly #settings: HttpSettings
  /** Undefined where all records go to one host: of that one the breaker knows. */
  readonly #busyHosts: BusyHosts | undefined

  constructor(settings: HttpSettings) {
    this.#settings = settings
    if (settings.fixedUrl === undefined) this.#busyHosts = new BusyHosts(settings.clock)
    this.idempotency = settings.idempotency
    this.ops = settings.ops
    this.passesOn = this.#forwards ? 'peer' : false
    this.largestBatch = settings.batch ?? { maxRecords: 1 }
    if (settings.health !== undefined)
      this.health = ({ signal }) => this.#probe(settings.health as URL, signal)
    if (settings.fixedUrl === undefined || settings.hasOwnMethods) {
      this.validate = (record) => {
        const destination = this.#destinationOf(record)
        return 'status' in destination ? destination.message : undefined
      }
    }
  }

  async apply(records: readonly WalRecord[], context: ApplyContext): Promise<readonly Outcome[]> {
    if (this.#settings.batch === undefined) {
      const [only] = records as Batch
      if (records.length === 1) return [await this.#applyOne(only, context)]
      return Promise.all(records.map((record) => this.#applyOne(record, context)))
    }
    const outcomes = await this.#send(records as Batch, context)
    if (Array.isArray(outcomes)) return outcomes
    const outcome = outcomes as Outcome
    if (records.length > 1) refuseWhole(outcome)
    return records.map(() => outcome)
  }

  async #applyOne(record: WalRecord, context: ApplyContext): Promise<Outcome> {
    const outcome = await this.#send([record], context)
    return Array.isArray(outcome) ? (outcome[0] as Outcome) : (outcome as Outcome)
  }

  /** One outcome for each, or one for all. */
  async #send(
    records: Batch,
    { signal, isPeer = false }: ApplyContext,
  ): Promise<Outcome | readonly Outcome[]> {
    const destination = this.#destinationOf(records[0])
    if ('status' in destination) return destination
    const hosts = this.#busyHosts
    const heldBack = hosts?.heldBack(destination.url.host)
    if (heldBack !== undefined) return heldBack
    const encoded = this.#encoded(records)
    if ('status' in encoded) return encoded
    const credentials =
      this.#settings.fixedCredentials ?? (await credentialsOf(this.#settings, signal))
    if ('status' in credentials) return credentials
    const request = requestOf(records, destination, credentials, encoded, this.#settings)
    const redact = (text: string): string => redactionOf(credentials.headers, request.url)(text)
    const sentAt = this.#settings.clock.monotonic()
    const flight = hosts?.sends(destination.url.host)
    let answer: HttpAnswer | undefined
    try {
      answer = await exchange(request, signal, this.#settings)
      return this.#outcomes(answer, records, { redact, sentAt, isPeer })
    } catch (error) {
      const failed = failureOf(`${request.method} ${shownUrl(request.url)}`, error)
      const shown = { ...failed, message: redact(failed.message) }
      if (hosts === undefined || flight === undefined || !isOfHost(shown)) {
        // With an answer it was `classify` that threw, and that may be the record's fault.
        return isPeer && answer === undefined ? outcomeAtPeer(shown, false) : shown
      }
      return hosts.broke(destination.url.host, records[0].id, flight, shown)
    } finally {
      if (flight !== undefined) hosts?.ends(destination.url.host, flight)
    }
  }

  #outcomes(
    answer: HttpAnswer,
    records: Batch,
    { redact, sentAt, isPeer }: Sent,
  ): Outcome | readonly Outcome[] {
    const { classify, batch, idempotency, fixedUrl, clock } = this.#settings
    const own = classify?.(answer, records)
    if (own !== undefined) return own
    const context = { idempotency, isRecordsOwnUrl: fixedUrl === undefined, clock, redact }
    const results = batch === undefined ? undefined : resultsOf(answer, records, context)
    if (results !== undefined) return results
    const whole = this.#ofHost(outcomeOf(answer, context), answer, records[0], sentAt)
    const outcome = this.#mayHideFailures(whole, answer)
      ? transient('HTTP_NO_RESULT', `A ${answer.status} whose \`results\` cannot be read`)
      : whole
    return isPeer ? outcomeAtPeer(outcome, this.#forwards) : outcome
  }

  /** A success for a batch, whose `results` may have said otherwise of some. */
  #mayHideFailures({ status }: Outcome, answer: HttpAnswer): boolean {
    const { batch } = this.#settings
    return status === 'applied' && batch !== undefined && (answer.isCut || answer.status === 207)
  }

  /** It sends what `forwardReceiver` takes. */
  get #forwards(): boolean {
    const { batch, body, idempotency } = this.#settings
    return batch !== undefined && body === 'record' && idempotency === 'id'
  }

  /** Where the address is the record's own, a host that asks for less, or is down, holds its own records back. */
  #ofHost(outcome: Outcome, { request }: HttpAnswer, { id }: WalRecord, sentAt: number): Outcome {
    const hosts = this.#busyHosts
    if (hosts === undefined) return outcome
    const { host } = new URL(request.url)
    if (outcome.status === 'throttled' || outcome.status === 'unavailable') {
      return hosts.throttled(host, outcome)
    }
    if (outcome.status === 'applied') hosts.applied(host, id)
    hosts.answered(host, sentAt)
    return outcome
  }

  /** A failure for good where it has none, or none that is allowed. A function that throws is not caught. */
  #destinationOf(record: WalRecord): HttpDestination | FailureOutcome {
    const { url, problem } = this.#checkedUrl(record)
    if (url === undefined) return permanent('HTTP_ADDRESS', problem ?? 'its address is wrong')
    const method = this.#settings.methodOf(record)
    const objection = methodProblem(method)
    return objection === undefined ? { url, method } : permanent('HTTP_METHOD', objection)
  }

  /** A record that leads to no address, or to one that is not allowed. */
  #checkedUrl(record: WalRecord): { readonly url?: URL; readonly problem?: string } {
    const { fixedUrl, urlOf, hosts } = this.#settings
    if (fixedUrl !== undefined) return { url: fixedUrl }
    const url = URL.parse(String(urlOf(record)))
    if (url === null) return { problem: 'its address is no absolute URL' }
    const problem = addressProblem(url)
    if (problem !== undefined) return { problem: `its address ${problem}` }
    if (hosts.has(url.host)) return { url }
    return { problem: `its address leads to ${url.host}, which is not one of \`hosts\`` }
  }

  #encoded(records: Batch): EncodedBody | FailureOutcome {
    if (typeof this.#settings.body === 'function') return bodyOf(records, this.#settings)
    try {
      return bodyOf(records, this.#settings)
    } catch (cause) {
      const why = reasonOf(cause)
      return permanent('HTTP_BODY', `JSON cannot hold the payload: ${why}`, { cause })
    }
  }

  async #probe(url: URL, signal: AbortSignal): Promise<void> {
    const { fixedUrl, hosts } = this.#settings
    const isOurs = url.host === fixedUrl?.host || hosts.has(url.host)
    const credentials = isOurs ? await credentialsOf(this.#settings, signal) : { headers: {} }
    if ('status' in credentials) throw outage(credentials.message, credentials.cause)
    const headers = { ...credentials.headers }
    const request = { url, method: 'GET', headers, body: undefined } as const
    const { status } = await exchange(request, signal, this.#settings)
    if (status < 200 || status > 299) throw outage(`GET ${shownUrl(url)} answered ${status}`)
  }
}

/** Where one failure is all that is known of several records, core asks again with fewer of them. */
function refuseWhole(outcome: Outcome): void {
  if (outcome.status === 'permanent') throw new WalError('ERR_PERMANENT', outcome.message)
  // One of them is older than what is there. Were that said of all, the others would be lost.
  const isConflict = outcome.status === 'superseded'
  if (!isConflict && outcome.status !== 'transient') return
  const message = isConflict ? 'A conflict, without `results` that say of which' : outcome.message
  throw new WalError('ERR_TRANSIENT', message, { retryable: true })
}

function outage(message: string, cause?: unknown): WalError {
  return new WalError('ERR_UNAVAILABLE', message, { cause, retryable: true })
}
