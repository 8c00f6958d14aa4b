import {
  type Clock,
  type HeldOutcome,
  held,
  type Op,
  type Outcome,
  systemClock,
  type WalRecord,
} from '@daybook/core'
import { isRefused, type Place, placeOf } from './document-place.ts'
import type { ElasticsearchCalls } from './elasticsearch-calls.ts'
import type { ElasticsearchSettings } from './elasticsearch-options.ts'
import type { Writer } from './plain-writer.ts'

/** How long the records of an index wait that takes none, in ms: doubled up to the longest. */
const firstWaitMs = 1_000
const longestWaitMs = 30_000

/** How soon, and how late, it is looked whether the question after an index was answered, in ms. */
const soonestMs = 100
const latestMs = 1_000

/** How long such a question may take, in ms. */
const questionMs = 10_000

/** How long the store may wait for the shards of an index that is in doubt, in ms. */
const doubtfulPatienceMs = 500

/** What the master of the cluster had no time for: an index to be made, a field to be mapped. More may help. */
const slowCodes: ReadonlySet<string> = new Set([
  'process_cluster_event_timeout_exception',
  'mapper_exception',
])

/** For how long an index has to refuse nothing before it is in doubt no more, in ms. */
const trustMs = 60_000

/** An index that takes nothing, or did so a moment ago. */
interface Trouble {
  readonly outcome: HeldOutcome
  /** Where the record belongs that was told so. */
  readonly place: Place
  readonly waitMs: number
  /** By the monotonic clock. */
  readonly until: number
  /**
   * - `waits`: until then nobody asks.
   * - `asked`: a question after it is under way.
   * - `answered`: it was answered, and records may go: apart, for it may be read and take no writes still.
   */
  state: 'waits' | 'asked' | 'answered'
}

/**
 * Where each record names its index: one of them that is missing, closed, blocked or without its shard holds
 * its own records back, and no others. An index is asked after beside the batches, not by them: what has no shard
 * answers late, and all that is in a bulk with it would wait. For the same reason what goes to it once it has answered goes in
 * a bulk of its own, for which the store waits but a moment. It does so until the index has refused nothing for a while: of its
 * shards one may take what it is given, and another may not.
 */
export class HoldingWriter<P> implements Writer<P> {
  readonly ops: readonly Op[]
  readonly #settings: ElasticsearchSettings<P>
  readonly #writer: Writer<P>
  readonly #calls: Pick<ElasticsearchCalls<P>, 'shardHealth'>
  readonly #clock: Clock
  /** By name. An index is here until it takes records, and has refused none for `trustMs`. */
  readonly #troubles = new Map<string, Trouble>()

  constructor(
    settings: ElasticsearchSettings<P>,
    writer: Writer<P>,
    calls: Pick<ElasticsearchCalls<P>, 'shardHealth'>,
    clock: Clock = systemClock,
  ) {
    this.ops = writer.ops
    this.#settings = settings
    this.#writer = writer
    this.#calls = calls
    this.#clock = clock
  }

  async apply(records: readonly WalRecord<P>[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const kept = records.map((record) => this.#heldBack(record))
    const sent = records.filter((_, at) => kept[at] === undefined)
    const doubtful = new Set(sent.filter((record) => this.#troubleOf(record) !== undefined))
    const trusted = sent.filter((record) => !doubtful.has(record))
    const { shardTimeoutMs } = this.#settings
    const [answers, doubtfulAnswers] = await both(
      this.#send(trusted, signal, shardTimeoutMs),
      this.#send([...doubtful], signal, Math.min(this.#patienceMs(doubtful), shardTimeoutMs)),
    )
    return records.map((record, at) => {
      const own = doubtful.has(record) ? doubtfulAnswers : answers
      return kept[at] ?? this.#told(record, own.shift() as Outcome)
    })
  }

  async #send(
    records: readonly WalRecord<P>[],
    signal: AbortSignal,
    patienceMs: number,
  ): Promise<Outcome[]> {
    if (records.length === 0) return []
    return [...(await this.#writer.apply(records, signal, patienceMs))]
  }

  #patienceMs(doubtful: Iterable<WalRecord<P>>): number {
    for (const record of doubtful) {
      if (slowCodes.has(this.#troubleOf(record)?.outcome.code ?? '')) return Infinity
    }
    return doubtfulPatienceMs
  }

  #troubleOf(record: WalRecord<P>): Trouble | undefined {
    if (this.#troubles.size === 0) return undefined
    const place = placeOf(this.#settings, record)
    return isRefused(place) ? undefined : this.#troubles.get(place.index)
  }

  #heldBack(record: WalRecord<P>): HeldOutcome | undefined {
    const trouble = this.#troubleOf(record)
    if (trouble === undefined || trouble.state === 'answered') return undefined
    const leftMs = trouble.until - this.#clock.monotonic()
    if (leftMs > 0) return { ...heldFor(trouble, leftMs), untried: true }
    if (trouble.state === 'waits') this.#ask(trouble)
    // There may be many that ask.
    const waitMs = Math.min(Math.max(soonestMs, -leftMs), latestMs)
    return { ...heldFor(trouble, waitMs), untried: true }
  }

  /** One that is never answered counts as failed, whatever the client makes of a signal, so that it is asked again. */
  #ask(trouble: Trouble): void {
    trouble.state = 'asked'
    const late = new AbortController()
    const answered = (): void => {
      timer.cancel()
      if (trouble.state === 'asked') trouble.state = 'answered'
    }
    const failed = (): void => {
      timer.cancel()
      if (trouble.state !== 'asked') return
      trouble.state = 'waits'
      // Of a record that was under way already more may have been heard meanwhile.
      const isNewest = this.#troubles.get(trouble.place.index) === trouble
      if (isNewest) this.#note(trouble.place, trouble.outcome, trouble)
    }
    const giveUp = (): void => {
      failed()
      late.abort()
    }
    const timer = this.#clock.setTimer(questionMs, giveUp, { unref: true })
    this.#calls.shardHealth(trouble.place, late.signal).then(answered, failed)
  }

  #told(record: WalRecord<P>, outcome: Outcome): Outcome {
    const place = placeOf(this.#settings, record)
    if (isRefused(place)) return outcome
    const { index } = place
    const before = this.#troubles.get(index)
    if (outcome.status === 'held') {
      // Others of the same batch, or of one beside it, were told the same.
      const isSame = before !== undefined && before.until > this.#clock.monotonic()
      const { until } = isSame ? before : this.#note(place, outcome, before)
      return heldFor({ outcome, place }, until - this.#clock.monotonic())
    }
    const isTaken = outcome.status === 'applied' || outcome.status === 'superseded'
    if (isTaken && before?.state === 'answered' && this.#isOver(before))
      this.#troubles.delete(index)
    return outcome
  }

  #note(place: Place, outcome: HeldOutcome, before: Trouble | undefined): Trouble {
    const isFirst = before === undefined || this.#isOver(before)
    const waitMs = isFirst ? firstWaitMs : Math.min(before.waitMs * 2, longestWaitMs)
    const until = this.#clock.monotonic() + waitMs
    const trouble: Trouble = { outcome, place, waitMs, until, state: 'waits' }
    this.#troubles.set(place.index, trouble)
    return trouble
  }

  /** Nothing was refused for long, or nobody has asked. */
  #isOver({ until }: Trouble): boolean {
    return this.#clock.monotonic() - until >= trustMs
  }
}

/** Both have settled before either counts: no record may be on its way when its apply is over. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<readonly [A, B]> {
  await Promise.allSettled([one, other])
  return Promise.all([one, other])
}

function heldFor(
  { outcome, place }: Pick<Trouble, 'outcome' | 'place'>,
  leftMs: number,
): HeldOutcome {
  const { code, message, cause } = outcome
  const retryAfterMs = Math.max(1, Math.ceil(leftMs))
  return held(code, message, { retryAfterMs, cause, part: place.index })
}
