import type { Clock, Timer } from '../../clock.ts'
import type { WalError } from '../../errors.ts'
import type { KeptRecords, RecordRetention, RetentionHold } from '../queue.ts'
import type { LogSegment, LogSegments } from './log-segments.ts'
import { bytesOf, judgeRetention, type Verdict } from './retention-rule.ts'
import type { SegmentRemoval } from './segment-removal.ts'

/** How far a target has come. */
export interface TargetProgress {
  readonly target: string
  /** It is done with all records up to this one. */
  readonly through: number
  /** The same, as it would be found after a power cut now: somewhat behind, or equal. */
  readonly lastingThrough: number
  /** Calls back whenever that has grown. */
  onLasting(listener: () => void): void
}

export interface RetentionOptions {
  readonly segments: LogSegments
  readonly limits: RecordRetention
  readonly targets: readonly TargetProgress[]
  readonly removal: SegmentRemoval
  readonly clock: Clock
  /** Makes the next segment, unless a group is on its way: false then. */
  roll(): Promise<boolean>
  /** See `LogOptions.ownershipLoss`. */
  ownershipLoss(): WalError | undefined
  /** Told when the log has grown past its bytes because a target needs it, once until it is smaller. */
  onHeld(hold: RetentionHold): void
  reportError(error: WalError): void
}

/** No segment is made only to let others go sooner than so long after the one before, in ms. */
const leastBetweenRollsMs = 60_000

/** Shortest wait before the age of segments is looked at again, in ms. */
const shortestWaitMs = 1000

/**
 * Lets old segments go. The header of a segment says which is the first one kept, and only once
 * such a header is synced are those before it removed; so a segment is first let go by the header
 * of the next one that is made, and its file removed after that, in the background. Where nothing is
 * written, a segment is made for the purpose.
 *
 * It looks at the segments when one is made, when the oldest one's time is over (one timer, and
 * none where nothing can become too old), and when a target or a reader it waited for goes on.
 */
export class Retention {
  readonly #options: RetentionOptions
  /** First sequences that readers need. */
  readonly #holds = new Set<{ readonly from: number }>()
  #timer: Timer | undefined
  #isLooking = false
  /** The look under way, or the last one. */
  #looking: Promise<void> = Promise.resolve()
  /** True if something has happened since the look under way began. */
  #isStirred = false
  /** Targets have to be done with this sequence before anything more can go. */
  #awaited = Number.POSITIVE_INFINITY
  /** True if the last segment was made for the sake of its header, not because one was full. */
  #isIdle = false
  /** Segments that once were from the future, and since when they are taken to be what they are. */
  readonly #ahead = new WeakMap<LogSegment, { lastSequence: number; agesFrom: number }>()
  /** Monotonic ms at which a segment was last made or attempted, or the log was opened. */
  #rolledAt = 0
  /** True while the log is past its bytes and that has been told. */
  #isTold = false
  #isStarted = false
  #closed = false

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** Begins; before that nothing goes. */
  start(): void {
    this.#isStarted = true
    // A process that is soon over makes no segment for it, and one that writes makes one anyway.
    this.#rolledAt = this.#options.clock.monotonic()
    for (const target of this.#options.targets) target.onLasting(() => this.#progressed())
    this.#stir()
  }

  /** What the header of a segment with this number has to say: the first segment that is kept. */
  firstKept(number: number): number {
    const expendable = this.#isStarted ? this.#judge(false).expendable : 0
    return this.#options.segments.all[expendable]?.header.number ?? number
  }

  /** To be called when a segment has been made. */
  segmentMade(): void {
    this.#rolledAt = this.#options.clock.monotonic()
    this.#isIdle = false
    this.#stir()
  }

  /** To be called when a segment has got its first record. */
  segmentBegun(): void {
    this.#stir()
  }

  /** Keeps every record from this sequence on that is there still, until what it answers is called. */
  hold(from: number): () => void {
    const hold = { from }
    this.#holds.add(hold)
    return () => {
      if (this.#holds.delete(hold)) this.#stir()
    }
  }

  /** What is there, and why no more of it has gone. */
  kept(): KeptRecords {
    const { segments, removal } = this.#options
    const { all, first, last } = segments
    const verdict = this.#judge()
    const lastSequence = last?.lastSequence ?? 0
    const { target, through } = this.#slowest('through')
    const isNeeded = verdict.because === 'need'
    return {
      segments: all.length,
      bytes: bytesOf(all),
      spareBytes: removal.spareBytes,
      first: first?.header.baseSequence ?? 1,
      last: lastSequence,
      since: first && first.header.baseSequence <= lastSequence ? first.header.madeAt : undefined,
      keptBy: !isNeeded ? 'retention' : target === undefined ? 'reader' : 'target',
      target:
        isNeeded && target !== undefined
          ? { name: target, behind: Math.max(0, lastSequence - through) }
          : undefined,
    }
  }

  /** Ends the look under way, and removes spare files. Nothing else goes from here on. */
  async close(): Promise<void> {
    await this.abandon()
    await this.#options.removal.remove([])
  }

  /** The same, for an owner that has lost the directory: nothing is removed. */
  async abandon(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#looking
  }

  #stir(): void {
    if (!this.#isStarted || this.#closed) return
    this.#isStirred = true
    if (this.#isLooking) return
    this.#isLooking = true
    this.#looking = this.#look()
  }

  #progressed(): void {
    if (this.#slowest('lastingThrough').through >= this.#awaited) this.#stir()
  }

  async #look(): Promise<void> {
    while (this.#isStirred && !this.#closed) {
      this.#isStirred = false
      this.#timer?.cancel()
      if (!this.#options.ownershipLoss()) await this.#apply(this.#judge())
    }
    this.#isLooking = false
  }

  async #apply(verdict: Verdict): Promise<void> {
    const { segments, removal } = this.#options
    this.#tellIfHeld(verdict)
    const { expendable, because } = verdict
    const removed = segments.removeFirst(Math.min(expendable, this.#letGo))
    const next = segments.all[expendable - removed.length]
    this.#awaited = because === 'need' ? (next?.lastSequence ?? 0) : Number.POSITIVE_INFINITY
    if (removed.length > 0) await removal.remove(removed, { keepSpares: !this.#isIdle })
    if (expendable > removed.length) await this.#rollInTime()
    else this.#lookIn(verdict.expiresAt - this.#options.clock.now())
  }

  /** How many segments the last one's header has let go. */
  get #letGo(): number {
    const { all, last } = this.#options.segments
    const firstKept = last?.header.firstKept ?? 0
    return Math.max(
      0,
      all.findIndex(({ header }) => header.number >= firstKept),
    )
  }

  /** Makes a segment whose header lets more go, or waits until it is time for one. */
  async #rollInTime(): Promise<void> {
    const { clock, roll, reportError } = this.#options
    const waitMs = this.#rolledAt + leastBetweenRollsMs - clock.monotonic()
    if (waitMs > 0) return this.#lookIn(waitMs)
    this.#rolledAt = clock.monotonic()
    try {
      this.#isIdle = await roll()
      if (this.#isIdle) return
    } catch (error) {
      reportError(error as WalError)
    }
    this.#lookIn(leastBetweenRollsMs)
  }

  #lookIn(waitMs: number): void {
    if (waitMs === Number.POSITIVE_INFINITY || this.#closed) return
    const delayMs = Math.max(waitMs, shortestWaitMs)
    this.#timer = this.#options.clock.setTimer(delayMs, () => this.#stir(), { unref: true })
  }

  #tellIfHeld({ because, expendable }: Verdict): void {
    const { segments, limits, onHeld } = this.#options
    const bytes = bytesOf(segments.all)
    if (bytes <= limits.bytes) this.#isTold = false
    const { target, through } = this.#slowest('through')
    const next = segments.all[expendable]?.lastSequence ?? 0
    const isHeld = because === 'need' && target !== undefined && through < next
    if (bytes <= limits.bytes || !isHeld || this.#isTold) return
    this.#isTold = true
    onHeld({ target, bytes })
  }

  #judge(isGrowing = true): Verdict {
    const { segments, limits, clock } = this.#options
    const { through: doneThrough } = this.#slowest('lastingThrough')
    const now = clock.now()
    const aged = segments.all.map((segment) => this.#aged(segment, now))
    return judgeRetention({ segments: aged, isGrowing, limits, doneThrough, now })
  }

  /**
   * The segment as its age is told: a clock that was ahead and was set back must not keep it for longer
   * than from now on. The segment itself stays as it is: readers look for a time by it, and the clock
   * that is behind may be the wrong one.
   */
  #aged(segment: LogSegment, now: number): LogSegment {
    const { latestAt, lastSequence } = segment
    const before = this.#ahead.get(segment)
    const isSame = before?.lastSequence === lastSequence
    const agesFrom = Math.min(latestAt, now, isSame ? before.agesFrom : now)
    if (agesFrom === latestAt) return segment
    this.#ahead.set(segment, { lastSequence, agesFrom })
    return { ...segment, latestAt: agesFrom }
  }

  /** Whoever needs the oldest record (a target, or a reader that holds it), and what it is done with. */
  #slowest(measure: 'through' | 'lastingThrough'): {
    readonly through: number
    readonly target: string | undefined
  } {
    let slowest: { through: number; target: string | undefined } = {
      through: Number.POSITIVE_INFINITY,
      target: undefined,
    }
    for (const { target, [measure]: through } of this.#options.targets) {
      if (through < slowest.through) slowest = { through, target }
    }
    for (const { from } of this.#holds) {
      if (from - 1 < slowest.through) slowest = { through: from - 1, target: undefined }
    }
    return slowest
  }
}
