import type { Consumer } from '../../../src/consumer/consumer.ts'
import { DeliveryBudget } from '../../../src/delivery/budget.ts'
import { TargetDelivery } from '../../../src/delivery/delivery.ts'
import type { DeliveryEvents } from '../../../src/delivery/delivery-events.ts'
import type { TargetDeliveryOptions } from '../../../src/delivery/delivery-options.ts'
import { Isolation } from '../../../src/delivery/isolation.ts'
import type { DeliveryPolicy } from '../../../src/delivery/policy.ts'
import type { DeadLetterQueue, DeadLetterSummary, StoredDeadLetter } from '../../../src/dlq/dlq.ts'
import type { WalError } from '../../../src/errors.ts'
import type { StoredRecord, WalRecord } from '../../../src/record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { FakeQueue } from './fake-queue.ts'
import { ScriptedTarget } from './scripted-target.ts'

/** The seed of this run; the same one is printed beside a failure. */
export const seed = Number(process.env['DAYBOOK_SEED'] ?? 1)

/** What the events told, one list each. */
class EventLog implements DeliveryEvents {
  readonly appliedIds: string[] = []
  readonly supersededIds: string[] = []
  readonly retries: Parameters<DeliveryEvents['retry']>[0][] = []
  readonly recoveries: Parameters<DeliveryEvents['recovered']>[0][] = []
  readonly holds: Parameters<DeliveryEvents['held']>[0][] = []
  readonly letters: StoredDeadLetter[] = []
  readonly losses: Parameters<DeliveryEvents['lost']>[0][] = []
  readonly pauses: Parameters<DeliveryEvents['paused']>[0][] = []
  resumptions = 0
  readonly errors: WalError[] = []
  applied(records: readonly StoredRecord[]): void {
    this.appliedIds.push(...records.map(({ id }) => id))
  }
  superseded(records: readonly StoredRecord[]): void {
    this.supersededIds.push(...records.map(({ id }) => id))
  }
  retry(event: Parameters<DeliveryEvents['retry']>[0]): void {
    this.retries.push(event)
  }
  recovered(event: Parameters<DeliveryEvents['recovered']>[0]): void {
    this.recoveries.push(event)
  }
  held(event: Parameters<DeliveryEvents['held']>[0]): void {
    this.holds.push(event)
  }
  deadLettered(letter: StoredDeadLetter): void {
    this.letters.push(letter)
  }
  lost(event: Parameters<DeliveryEvents['lost']>[0]): void {
    this.losses.push(event)
  }
  paused(event: Parameters<DeliveryEvents['paused']>[0]): void {
    this.pauses.push(event)
  }
  resumed(): void {
    this.resumptions++
  }
  error(error: WalError): void {
    this.errors.push(error)
  }
}

/** A dead-letter queue in memory that can be told to fail. */
export class FakeDeadLetters implements DeadLetterQueue {
  readonly letters = new Map<string, StoredDeadLetter>()
  /** While set, a put that holds such a letter fails. */
  refuses: ((letter: StoredDeadLetter) => boolean) | undefined
  puts = 0
  async put(letters: readonly StoredDeadLetter[]): Promise<void> {
    this.puts++
    if (this.refuses !== undefined && letters.some(this.refuses)) throw new Error('no room')
    for (const letter of letters) this.letters.set(letter.id, letter)
  }
  async list() {
    return { letters: [...this.letters.values()], next: undefined }
  }
  async get(id: string) {
    return this.letters.get(id)
  }
  async remove(ids: readonly string[]): Promise<number> {
    return ids.filter((id) => this.letters.delete(id)).length
  }
  async *summaries(): AsyncIterable<DeadLetterSummary> {
    for (const { id, record, target } of this.letters.values()) {
      const { key, attemptEpoch, version } = record
      yield { id, recordId: record.id, target, key, attemptEpoch, version }
    }
  }
  async count() {
    return new Map<string, number>()
  }
  async close(): Promise<void> {}
}

/** A policy with room to move, so that a test names only what it is about. */
function policyOf(overrides: Partial<DeliveryPolicy> = {}): DeliveryPolicy {
  return {
    order: 'key',
    onDeadLetter: 'continue',
    retry: { maxAttempts: 3, minDelayMs: 100, maxDelayMs: 1000 },
    batch: { maxRecords: 100, maxBytes: 1_000_000, lingerMs: 0 },
    concurrency: 2,
    applyTimeoutMs: 5000,
    breaker: { failures: 10, minOpenMs: 1000, maxOpenMs: 30_000 },
    rateLimit: undefined,
    held: { maxRecords: 10_000, maxBytes: 10_000_000 },
    ...overrides,
  }
}

export interface HarnessOptions {
  readonly policy?: Partial<DeliveryPolicy>
  readonly queue?: FakeQueue
  readonly target?: ScriptedTarget
  readonly consumer?: Consumer
  readonly clock?: VirtualClock
  readonly options?: Partial<TargetDeliveryOptions>
  readonly deadLetters?: FakeDeadLetters
}

/** A delivery with everything around it under the test's hand. */
export function harness(given: HarnessOptions = {}) {
  const queue = given.queue ?? new FakeQueue()
  const target = given.target ?? new ScriptedTarget()
  const clock = given.clock ?? new VirtualClock()
  const deadLetters = given.deadLetters ?? new FakeDeadLetters()
  const events = new EventLog()
  const delivery = new TargetDelivery({
    namespace: 'films',
    targetName: 'search',
    target,
    consumer: given.consumer ?? queue.consumer(),
    deadLetters,
    decode: decodeJson,
    policy: policyOf(given.policy),
    budget: new DeliveryBudget({ concurrency: 64, bytes: 100_000_000 }),
    isolation: new Isolation(),
    clock,
    random: new SeededRandom(seed),
    events,
    ...given.options,
  })
  return {
    queue,
    target,
    clock,
    deadLetters,
    events,
    delivery,
    /** Starts, and lets everything run that needs no time. */
    async start(): Promise<void> {
      await delivery.start()
      await clock.settle()
    },
    /** Starts and drains, moving time as needed. */
    async run(withinMs = 3_600_000) {
      const report = delivery.drain({ includeDelayed: false })
      await delivery.start()
      return clock.runUntil(report, { withinMs })
    },
    /** Drains, moving time as needed. */
    drain(withinMs = 3_600_000) {
      return clock.runUntil(delivery.drain({ includeDelayed: false }), { withinMs })
    },
    stop(deadlineMs = 1000): Promise<void> {
      return clock.runUntil(delivery.stop({ deadlineMs }))
    },
  }
}

/** Payloads in these tests are JSON. */
function decodeJson(record: StoredRecord): WalRecord {
  const { payload } = record
  const decoded = payload === undefined ? undefined : JSON.parse(new TextDecoder().decode(payload))
  return { ...record, payload: decoded } as WalRecord
}
