import type { Consumer, Delivery } from '../../../../src/consumer/consumer.ts'
import type { WalError } from '../../../../src/errors.ts'
import { type FileQueueOptions, fileQueue } from '../../../../src/queue/file/file-queue.ts'
import type { Queue, RecordRetention, RetentionHold } from '../../../../src/queue/queue.ts'
import { systemRandom } from '../../../../src/random.ts'
import type { StoredRecord } from '../../../../src/record.ts'
import { makeStoredRecord } from '../../../../src/testing/make-record.ts'
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts'

export interface OpenQueueOptions extends FileQueueOptions {
  readonly targets?: readonly string[]
  readonly namespace?: string
  readonly retention?: RecordRetention
}

/** A file queue that is open, on a clock moved by hand, and short ways to what tests do with it. */
export class OpenQueue {
  readonly queue: Queue
  readonly clock: VirtualClock
  readonly errors: WalError[] = []
  readonly holds: RetentionHold[] = []

  private constructor(queue: Queue, clock: VirtualClock) {
    this.queue = queue
    this.clock = clock
  }

  static async open(
    { targets = ['search'], namespace = 'titles', retention, ...options }: OpenQueueOptions,
    clock = new VirtualClock(),
  ): Promise<OpenQueue> {
    const opened = new OpenQueue(fileQueue(options), clock)
    await opened.queue.open({
      namespace,
      targets,
      directory: undefined,
      clock,
      random: systemRandom,
      retention,
      retentionHeld: (hold) => opened.holds.push(hold),
      reportError: (error) => opened.errors.push(error),
    })
    return opened
  }

  /** Sends a record for each of these; written now unless it says otherwise. */
  send(...overrides: readonly Partial<StoredRecord>[]): Promise<readonly StoredRecord[]> {
    return this.sendAll(overrides)
  }

  async sendAll(overrides: readonly Partial<StoredRecord>[]): Promise<readonly StoredRecord[]> {
    const records = overrides.map((each) =>
      makeStoredRecord({ writtenAt: this.clock.now(), ...each }),
    )
    const producer = await this.queue.producer()
    const outcomes = await producer.send(records)
    await producer.close()
    for (const { durable, error } of outcomes) if (durable !== 'yes') throw error
    return records
  }

  consumer(target = 'search'): Promise<Consumer> {
    return this.queue.consumer(target)
  }
}

/** What can be pulled without waiting, up to so many. */
export async function pullNow(
  consumer: Consumer,
  maxRecords = 1000,
  maxBytes = 2 ** 30,
): Promise<readonly Delivery[]> {
  const deliveries: Delivery[] = []
  for (;;) {
    const limits = { maxRecords: Math.min(maxRecords - deliveries.length, 1000), maxBytes }
    if (limits.maxRecords === 0) return deliveries
    const pulled = await consumer.pull({ ...limits, signal: AbortSignal.abort() })
    if (pulled.length === 0) return deliveries
    deliveries.push(...pulled)
  }
}

export function keysOf(deliveries: readonly Delivery[]): (string | undefined)[] {
  return deliveries.map(({ record }) => record.key)
}
