import type { Clock } from './clock.ts'
import { type Closing, closeAll, closingMs } from './close-all.ts'
import { durationMs } from './config/quantity.ts'
import type { ResolvedNamespace } from './config/resolve.ts'
import { checkConsumer } from './consumer/check-consumer.ts'
import { TargetDelivery } from './delivery/delivery.ts'
import type { Isolation } from './delivery/isolation.ts'
import { lagOf } from './delivery/status.ts'
import { presentLetter } from './dlq/dead-letters.ts'
import type { DeadLetterQueue, StoredDeadLetter } from './dlq/dlq.ts'
import { WalError } from './errors.ts'
import type { WalEmitter } from './events.ts'
import type { DrainOptions, NamespaceDrainReport, NamespaceTargetStatus } from './namespace.ts'
import { eventsAt } from './namespace-events.ts'
import { NamespaceObserver } from './namespace-observer.ts'
import { deliveryPolicyOf, peerOf } from './namespace-policy.ts'
import type { Queue } from './queue/queue.ts'
import type { Random } from './random.ts'
import type { StoredRecord, WalRecord } from './record.ts'
import type { Shard } from './shard.ts'
import type { StrayRecords } from './stray-records.ts'
import { OpeningTarget } from './target/opening-target.ts'
import type { Target } from './target/target.ts'
import type { TransactionSource } from './transaction/transaction-source.ts'

export interface NamespaceDeliveryOptions {
  /** See `ApplyContext.place`. */
  readonly place: string
  readonly config: ResolvedNamespace
  readonly queue: Queue
  readonly shard: Shard
  readonly isolation: Isolation
  readonly clock: Clock
  readonly random: Random
  readonly emitter: WalEmitter
  /** Undefined where dead letters are off. */
  readonly letters: DeadLetterQueue | undefined
  /** Undefined where the namespace has no transactions. */
  readonly transactions: TransactionSource | undefined
  readonly decode: (record: StoredRecord) => WalRecord
  /** False for a record that is not for the target. Undefined: all are. */
  readonly concerns?: ((record: StoredRecord, target: string) => boolean) | undefined
  readonly strays: StrayRecords
}

/** How long `start` waits for targets to open; those that take longer are unavailable until then. */
const openingMs = 5000

/** Where dead letters are off. */
const none: ReadonlyMap<string, number> = new Map()

/** The deliveries of one namespace, one per target; none until `start`. */
export class NamespaceDelivery {
  readonly #options: NamespaceDeliveryOptions
  readonly #deliveries = new Map<string, TargetDelivery>()
  /** Asked while there is no delivery. */
  readonly #observer: NamespaceObserver
  #consumers: Closing[] = []
  #targets: Closing[] = []
  #started = false
  #starting: Promise<void> | undefined
  /** Aborted where it is closed while it is being started. */
  #cutShort = new AbortController()
  #giveUpStart: (error: WalError) => void = () => {}

  constructor(options: NamespaceDeliveryOptions) {
    this.#options = options
    this.#observer = new NamespaceObserver(options.queue)
  }

  async start(): Promise<void> {
    if (this.#started) {
      const { name } = this.#options.config
      throw new WalError('ERR_ALREADY_STARTED', `Namespace '${name}' is being delivered already`)
    }
    this.#started = true
    const { promise: givenUp, reject } = Promise.withResolvers<never>()
    this.#giveUpStart = reject
    this.#starting = Promise.race([this.#startAll(this.#cutShort.signal), givenUp])
    try {
      await this.#starting
    } catch (error) {
      // Some targets without the others would look like a service that works.
      await this.close(0)
      throw error
    }
  }

  async drain({ timeout, signal, includeDelayed }: DrainOptions): Promise<NamespaceDrainReport> {
    if (!this.#started) {
      const { name } = this.#options.config
      throw new WalError('ERR_NOT_STARTED', `Namespace '${name}' cannot drain: call start() first`)
    }
    const options = {
      timeoutMs: timeout === undefined ? undefined : durationMs(timeout),
      signal,
      includeDelayed: includeDelayed ?? false,
    }
    const reports = [...this.#deliveries].map(
      async ([name, delivery]) => [name, await delivery.drain(options)] as const,
    )
    return Object.fromEntries(await Promise.all(reports))
  }

  async status(): Promise<Readonly<Record<string, NamespaceTargetStatus>>> {
    const { letters } = this.#options
    const dead =
      letters?.supports?.counts === false ? undefined : ((await letters?.count()) ?? none)
    const names = Object.keys(this.#options.config.targets)
    // Until it is over, neither can tell.
    await this.#starting?.catch(() => {})
    const statuses = names.map(
      async (name) =>
        [name, { dead: dead && (dead.get(name) ?? 0), ...(await this.#backlogOf(name)) }] as const,
    )
    return Object.fromEntries(await Promise.all(statuses))
  }

  /** Tells the letter's target that a copy of its record is in the queue, or may be. */
  expectRedriven(letter: StoredDeadLetter, isCertain: boolean): void {
    const delivery = this.#deliveries.get(letter.target)
    if (delivery === undefined) void this.#observer.addCopy(letter, isCertain).catch(() => {})
    else delivery.expectRedriven(letter, isCertain)
  }

  /** Whether a copy of the record of a letter that holds its key is in the queue, or may be. */
  async isUnderWay(letter: StoredDeadLetter): Promise<boolean> {
    await this.#starting?.catch(() => {})
    const delivery = this.#deliveries.get(letter.target)
    if (delivery !== undefined) return (await delivery.copyOf(letter)) !== 'here'
    const isKnown = Object.hasOwn(this.#options.config.targets, letter.target)
    return isKnown && (await this.#observer.hasCopy(letter))
  }

  /** Tells the letter's target that it is gone, so that a key that waited for it goes on. */
  letterDiscarded(letter: StoredDeadLetter): void {
    this.#deliveries.get(letter.target)?.letterDiscarded(letter)
  }

  /** Lets what is being applied finish until the deadline, hands back the rest, closes targets. */
  async close(deadlineMs: number): Promise<void> {
    const { clock } = this.#options
    const deadline = clock.monotonic() + deadlineMs
    // Only then is all of it known that has to be closed.
    this.#cutShort.abort()
    const begun = this.#endOfStart(deadline)
    await begun.catch(() => {})
    this.#cutShort = new AbortController()
    const leftMs = Math.max(0, deadline - clock.monotonic())
    const stopped = [...this.#deliveries.values()].map((one) => one.stop({ deadlineMs: leftMs }))
    const parts = [[{ what: 'start', close: () => begun }], this.#consumers, this.#targets]
    this.#deliveries.clear()
    this.#consumers = []
    this.#targets = []
    this.#started = false
    // A delivery keeps to the deadline by itself.
    await Promise.all(stopped)
    await closeAll(parts, { clock, until: deadline + closingMs })
  }

  /** Rejects where the queue gives no answer until the time is over; what it gives later is closed at once. */
  async #endOfStart(until: number): Promise<void> {
    const { clock, config } = this.#options
    const starting = this.#starting?.catch(() => {})
    const what = `start of namespace '${config.name}'`
    const groups = [
      [{ what, close: () => starting }],
      [{ what: `status of namespace '${config.name}'`, close: () => this.#observer.end() }],
    ]
    try {
      await closeAll(groups, { clock, until })
    } finally {
      this.#giveUpStart(closedMeanwhile(config.name))
    }
  }

  async #backlogOf(name: string): Promise<Omit<NamespaceTargetStatus, 'dead'>> {
    const delivery = await this.#deliveries.get(name)?.status()
    if (delivery !== undefined) {
      const { pending, delayed, lagMs } = delivery
      return { pending, delayed, lagMs, delivery }
    }
    const backlog = await this.#observer.backlog(name)
    const lagMs = backlog && lagOf(backlog, this.#options.clock.now())
    return { pending: backlog?.pending, delayed: backlog?.delayed, lagMs, delivery }
  }

  async #startAll(signal: AbortSignal): Promise<void> {
    const { config, clock } = this.#options
    await this.#observer.end()
    const targets = Object.entries(config.targets).map(
      ([name, target]) => [name, new OpeningTarget(name, target)] as const,
    )
    for (const [name, target] of targets) {
      this.#targets.push({ what: `target '${name}'`, close: () => target.close() })
    }
    await Promise.all(targets.map(([, target]) => target.ready(clock, openingMs, signal)))
    for (const [name, target] of targets) await this.#startTarget(name, target, signal)
  }

  async #startTarget(targetName: string, target: Target, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw closedMeanwhile(this.#options.config.name)
    const { config, queue, shard, isolation, clock, random, letters, decode, emitter, concerns } =
      this.#options
    const consumer = await queue.consumer(targetName)
    if (signal.aborted) {
      await consumer.close()
      throw closedMeanwhile(config.name)
    }
    const what = `consumer of target '${targetName}'`
    this.#consumers.push({ what, close: () => consumer.close() })
    const place = { namespace: config.name, target: targetName }
    checkConsumer(consumer, place)
    const delivery = new TargetDelivery({
      namespace: config.name,
      targetName,
      place: this.#options.place,
      target,
      consumer,
      deadLetters: letters,
      sharesLetters: config.onDeadLetter === 'block' && queue.supports.shared,
      decode,
      transactions: this.#options.transactions,
      ...(concerns && { concerns: (record) => concerns(record, targetName) }),
      passedOver: (...name) => this.#options.strays.passedOver(...name),
      policy: deliveryPolicyOf(config, targetName),
      budget: shard.deliveriesTo(peerOf(config, targetName)),
      isolation,
      clock,
      random,
      events: eventsAt(place, emitter, (letter) => presentLetter(config.name, letter, decode)),
    })
    this.#deliveries.set(targetName, delivery)
    await delivery.start()
  }
}

function closedMeanwhile(name: string): WalError {
  return new WalError('ERR_CLOSED', `Namespace '${name}' was closed while it was being started.`)
}
