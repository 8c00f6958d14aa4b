import { type Clock, sleep, systemClock } from '../clock.ts'
import type { Consumer, Delivery } from '../consumer/consumer.ts'
import type { DeadLetterQueue, StoredDeadLetter } from '../dlq/dlq.ts'
import { WalError } from '../errors.ts'
import type { Producer, SendOutcome } from '../producer/producer.ts'
import type { Queue } from '../queue/queue.ts'
import type { StoredRecord } from '../record.ts'

/**
 * What becomes of a record on its way into the queue.
 *
 * - `refuse`: not stored, answered `'no'`.
 * - `lose`: not stored, answered `'unknown'`.
 * - `land`: stored, answered `'unknown'`.
 * - `repeat`: stored twice, answered `'yes'`.
 */
export type SendFault = 'refuse' | 'lose' | 'land' | 'repeat'

/** What goes wrong, decided at each call. Leave out what does not. */
export interface QueueFaults {
  /** What becomes of a record that is sent. */
  readonly send?: (record: StoredRecord) => SendFault | undefined
  /** An error with which `pull` rejects, having handed out nothing. */
  readonly pull?: () => WalError | undefined
  /** `'lose'`: the ack resolves and never arrives. An error: `ack` rejects, and it has not arrived. */
  readonly ack?: (delivery: Delivery) => 'lose' | WalError | undefined
  /** An error with which `saveAttempts` rejects; nothing is remembered then. */
  readonly saveAttempts?: () => WalError | undefined
  /** An error with which the dead-letter queue's `put` rejects; none of its letters is kept then. */
  readonly putLetters?: (letters: readonly StoredDeadLetter[]) => WalError | undefined
  /** How late the answer of a call is, in ms. The queue does its part at once, so order is kept. */
  readonly delayMs?: (call: 'send' | 'pull' | 'ack') => number
  /** Default the machine's. */
  readonly clock?: Clock
}

/** The queue with faults put between it and its caller, for tests of what they do to delivery. */
export function faultyQueue(queue: Queue, faults: QueueFaults): Queue {
  return {
    kind: queue.kind,
    supports: queue.supports,
    open: (context) => queue.open(context),
    producer: async () => faultyProducer(await queue.producer(), faults),
    consumer: async (target) => faultyConsumer(await queue.consumer(target), faults),
    deadLetters: async () => {
      const letters = await queue.deadLetters()
      return letters && faultyDeadLetters(letters, faults)
    },
    ...(queue.recall && { recall: queue.recall.bind(queue) }),
    ...(queue.pastReader && { pastReader: queue.pastReader.bind(queue) }),
    ...(queue.storage && { storage: queue.storage.bind(queue) }),
    ...(queue.handsOutForMs && { handsOutForMs: queue.handsOutForMs.bind(queue) }),
    ...(queue.keepsForMs && { keepsForMs: queue.keepsForMs.bind(queue) }),
    ...(queue.versionsAbove && { versionsAbove: queue.versionsAbove.bind(queue) }),
    ...(queue.highestVersion && { highestVersion: queue.highestVersion.bind(queue) }),
    close: () => queue.close(),
  }
}

function faultyProducer(producer: Producer, faults: QueueFaults): Producer {
  return {
    async send(records, options) {
      const fates = records.map((record) => ({ record, fault: faults.send?.(record) }))
      const stored = fates.flatMap(({ record, fault }) => {
        if (fault === 'refuse' || fault === 'lose') return []
        return fault === 'repeat' ? [record, record] : [record]
      })
      const outcomes = [...(await producer.send(stored, options))]
      await answerLate(faults, 'send')
      return fates.map(({ fault }) => outcomeOf(fault, outcomes))
    },
    close: () => producer.close(),
  }
}

/** Takes the outcomes of what was sent for the record from the front. */
function outcomeOf(fault: SendFault | undefined, outcomes: SendOutcome[]): SendOutcome {
  if (fault === 'refuse') return { durable: 'no', error: injected('send') }
  if (fault === 'lose') return { durable: 'unknown', error: injected('send') }
  if (fault === 'repeat') outcomes.shift()
  const outcome = outcomes.shift() ?? { durable: 'unknown' }
  return fault === 'land' ? { durable: 'unknown', error: injected('send') } : outcome
}

function faultyConsumer(consumer: Consumer, faults: QueueFaults): Consumer {
  return {
    acks: consumer.acks,
    async pull(options) {
      throwIfAny(faults.pull?.())
      const deliveries = await consumer.pull(options)
      await answerLate(faults, 'pull')
      return deliveries
    },
    async ack(deliveries) {
      const fates = deliveries.map((delivery) => ({ delivery, fault: faults.ack?.(delivery) }))
      throwIfAny(fates.find(({ fault }) => fault instanceof Error)?.fault)
      await consumer.ack(fates.flatMap(({ delivery, fault }) => (fault ? [] : [delivery])))
      await answerLate(faults, 'ack')
    },
    async saveAttempts(attempts) {
      throwIfAny(faults.saveAttempts?.())
      await consumer.saveAttempts(attempts)
    },
    release: (releases) => consumer.release(releases),
    ...(consumer.beginAttempts && { beginAttempts: consumer.beginAttempts.bind(consumer) }),
    ...(consumer.reload && { reload: consumer.reload.bind(consumer) }),
    ...(consumer.pullAhead && { pullAhead: consumer.pullAhead.bind(consumer) }),
    ...(consumer.park && { park: consumer.park.bind(consumer) }),
    get takeovers() {
      return consumer.takeovers
    },
    backlog: () => consumer.backlog(),
    watermark: (options) => consumer.watermark(options),
    close: () => consumer.close(),
  }
}

function faultyDeadLetters(letters: DeadLetterQueue, faults: QueueFaults): DeadLetterQueue {
  return {
    supports: letters.supports,
    ...(letters.open && { open: letters.open.bind(letters) }),
    async put(put) {
      throwIfAny(faults.putLetters?.(put))
      await letters.put(put)
    },
    list: (options) => letters.list(options),
    get: (id) => letters.get(id),
    remove: (ids) => letters.remove(ids),
    ...(letters.removeIfSeen && { removeIfSeen: letters.removeIfSeen.bind(letters) }),
    summaries: () => letters.summaries(),
    count: () => letters.count(),
    close: () => letters.close(),
  }
}

async function answerLate(faults: QueueFaults, call: 'send' | 'pull' | 'ack'): Promise<void> {
  const delayMs = faults.delayMs?.(call) ?? 0
  if (delayMs > 0) await sleep(faults.clock ?? systemClock, delayMs)
}

function injected(call: string): WalError {
  return new WalError('ERR_IO', `A fault was injected into ${call}.`, { retryable: true })
}

function throwIfAny(error: unknown): void {
  if (error !== undefined) throw error
}
