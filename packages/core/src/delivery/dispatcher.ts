import type { Clock } from '../clock.ts'
import type { WalErrorCode } from '../errors.ts'
import type { Alarms } from './alarms.ts'
import type { Applier } from './applier.ts'
import type { Batch } from './batch.ts'
import type { Breather } from './breather.ts'
import type { BudgetShare, DeliveryBudget } from './budget.ts'
import type { CatchUp } from './catch-up.ts'
import type { Entry } from './entry.ts'
import type { Gate } from './gate.ts'
import { type Isolation, Turn } from './isolation.ts'
import type { Lanes } from './lanes.ts'
import type { DeliveryPolicy } from './policy.ts'
import type { RateLimit } from './rate-limit.ts'
import type { TakeLimits } from './take-limits.ts'

export interface DispatcherOptions {
  readonly policy: DeliveryPolicy
  readonly limits: TakeLimits
  readonly budget: DeliveryBudget
  readonly clock: Clock
  readonly alarms: Alarms
  readonly breather: Breather
  readonly lanes: Lanes
  readonly gate: Gate
  readonly applier: Applier
  readonly isolation: Isolation
  readonly rate: RateLimit | undefined
  /** Holds as well, while the target is far behind. */
  readonly catchUp: CatchUp | undefined
  report(code: WalErrorCode, what: string, cause: unknown): void
  /** Everything that could begin has begun. */
  onPumped(): void
}

/** For each batch that may be at the target there are so many at most, with those of which it is noted what came of them. */
const mostForEach = 4

/**
 * Begins batches: takes records from the lanes that are ready when the target may have them (the
 * gate, the rate limit) and there is room for one more (concurrency, the shard's budget).
 */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #share: BudgetShare
  readonly #batches = new Set<Batch>()
  /** How many of them may be at the target. Invariant: at most the policy's concurrency. */
  #atTarget = 0
  readonly #idlers: (() => void)[] = []
  /** One alarm at a time makes it look again: for linger, or the rate limit. */
  #alarmed = false
  #pumping = false
  readonly #stopping = new AbortController()

  constructor(options: DispatcherOptions) {
    const { budget } = options
    this.#options = options
    this.#share = budget.share(() => this.pump())
  }

  /** True while no batch is under way. */
  get isIdle(): boolean {
    return this.#batches.size === 0
  }

  /** Records of the batches under way; some may have come to their end already. */
  *entries(): Iterable<Entry> {
    for (const { entries } of this.#batches) yield* entries
  }

  /** Begins whatever may begin. To be called after every change. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#beginBatch());
    this.#pumping = false
    if (this.isIdle) for (const resolve of this.#idlers.splice(0)) resolve()
    this.#options.onPumped()
  }

  /** Begins nothing more. */
  stop(): void {
    this.#stopping.abort()
    this.#share.leaveLine()
  }

  /** Resolves once no batch is under way. */
  idle(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#idlers.push(resolve))
  }

  /** Begins one batch; false if none may begin now. */
  #beginBatch(): boolean {
    const { gate, lanes, limits } = this.#options
    const { admission } = gate
    const ready = lanes.readyRecords
    if (!this.#hasRoom() || ready === 0 || admission === 'none') return this.#wantNothing()
    const isProbe = admission === 'probe'
    const wanted = isProbe ? 1 : Math.min(ready, limits.maxRecords)
    const lingerMs = isProbe ? 0 : this.#lingersMs(wanted)
    if (lingerMs > 0) return this.#comeBack(lingerMs)
    const rates = this.#rates()
    const allowed = Math.min(wanted, ...rates.map((rate) => rate.allowed(wanted)))
    if (allowed === 0) {
      return this.#comeBack(Math.max(...rates.map((rate) => rate.waitMs(wanted))))
    }
    const limitsNow = { ...limits, maxRecords: allowed }
    const bytes = lanes.measure(limitsNow)
    if (!this.#share.take(bytes)) return false
    const entries = isProbe ? lanes.takeProbe() : lanes.take(limitsNow)
    for (const rate of rates) rate.spend(entries.length)
    if (isProbe) gate.probeStarted()
    void this.#run(entries, isProbe, bytes, rates)
    return true
  }

  #hasRoom(): boolean {
    const { concurrency } = this.#options.policy
    if (this.#stopping.signal.aborted || this.#atTarget >= concurrency) return false
    return this.#batches.size < concurrency * mostForEach
  }

  #rates(): readonly RateLimit[] {
    const { rate, catchUp, lanes } = this.#options
    if (rate === undefined && catchUp === undefined) return noRates
    const behind = catchUp?.rateFor(firstOf(lanes.ready)?.head?.delivery.record)
    return [rate, behind].filter((each) => each !== undefined)
  }

  /** How long a batch that is not full still waits for more records, in ms. */
  #lingersMs(wanted: number): number {
    const { policy, clock, lanes, limits } = this.#options
    const { lingerMs } = policy.batch
    if (lingerMs === 0 || wanted >= limits.maxRecords) return 0
    const first = firstOf(lanes.ready)
    if (first === undefined || first.head === undefined || first.head.spent > 0) return 0
    if (lanes.measure(limits) >= limits.maxBytes) return 0
    return first.readySince + lingerMs - clock.monotonic()
  }

  #comeBack(delayMs: number): false {
    if (!this.#alarmed) {
      this.#alarmed = true
      this.#options.alarms.set(Math.max(1, delayMs), () => {
        this.#alarmed = false
        this.pump()
      })
    }
    return this.#wantNothing()
  }

  #wantNothing(): false {
    this.#share.leaveLine()
    return false
  }

  async #run(
    entries: readonly Entry[],
    probe: boolean,
    bytes: number,
    rates: readonly RateLimit[],
  ): Promise<void> {
    const { gate, breather, applier, isolation, policy, report } = this.#options
    const { generation } = gate
    const alone = entries.some(({ suspect }) => suspect)
    const pass = { alone, isBounded: policy.aloneForMs !== undefined }
    const turn = new Turn(isolation, pass, this.#stopping.signal)
    let isAtTarget = true
    const leave = (): void => {
      if (!isAtTarget) return
      isAtTarget = false
      this.#atTarget--
      this.#share.give(bytes)
    }
    const batch: Batch = {
      entries,
      generation,
      turn,
      probe,
      heldLanes: new Set(),
      failedLanes: new Set(),
      untried: 0,
      makeRoom: () => {
        // Until it is over the target is asked nothing else.
        if (probe || !isAtTarget) return
        leave()
        this.pump()
      },
    }
    this.#atTarget++
    this.#batches.add(batch)
    const isIn = (await turn.enter()) ?? true
    try {
      const breath = breather.breathe()
      if (breath !== undefined) await breath
      if (isIn) await applier.run(batch)
      else await applier.giveBack(batch)
    } catch (error) {
      report('ERR_IO', 'A batch could not be brought to its end', error)
    } finally {
      turn.leave()
      this.#batches.delete(batch)
      leave()
      for (const rate of rates) rate.giveBack(batch.untried)
      if (probe) gate.probeEnded(generation)
      this.pump()
    }
  }
}

function firstOf<T>(things: Iterable<T>): T | undefined {
  for (const thing of things) return thing
  return undefined
}

const noRates: readonly RateLimit[] = []
