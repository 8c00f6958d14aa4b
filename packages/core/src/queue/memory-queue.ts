import type { Clock } from '../clock.ts'
import { ConfigError } from '../config/config-error.ts'
import { checkOptionNames } from '../config/option-names.ts'
import type { Consumer } from '../consumer/consumer.ts'
import type { DeadLetterQueue } from '../dlq/dlq.ts'
import { type LetterStore, memoryDeadLetterQueue, newLetterStore } from '../dlq/memory-dlq.ts'
import { WalError } from '../errors.ts'
import { Heap } from '../heap.ts'
import type { Producer, SendOutcome } from '../producer/producer.ts'
import { recordBytes, type StoredRecord } from '../record.ts'
import {
  memoryTransactionStore,
  type TransactionShelf,
} from '../transaction/memory-transactions.ts'
import type { TransactionStore } from '../transaction/transaction-store.ts'
import { MemoryConsumer } from './memory-consumer.ts'
import { type MemoryEntry, MemoryReader } from './memory-reader.ts'
import type { Queue, QueueContext, QueueSupports } from './queue.ts'
import type { Recall, RecallFinding } from './recall.ts'

/** What {@link memoryQueue} can be told. */
export interface MemoryQueueOptions {
  /**
   * Most bytes it keeps, payloads and fields together; default 256 MiB. A record that would not
   * fit is answered `'no'` with `ERR_OVERLOADED`.
   */
  readonly maxBytes?: number
}

/** Largest single record, unless `maxBytes` is lower: a payload of 64 MiB, and its fields. */
const largestRecordBytes = 65 * 2 ** 20

/**
 * A queue in this process's memory, for tests, for caches, and to read first: everything a queue
 * must do, in the fewest lines. Nothing survives the process.
 *
 * The content belongs to the object: after `close` it can be opened again and goes on where it
 * was, as a durable queue would. Opening a target's consumer while its last one was never closed
 * is taken for the restart of a process that died.
 *
 * Throws `ConfigError` for options that are wrong or unknown.
 */
export function memoryQueue(options: MemoryQueueOptions = {}): Queue {
  checkOptionNames('memoryQueue', options, ['maxBytes'])
  const { maxBytes = 256 * 2 ** 20 } = options
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 1) return new MemoryQueue(maxBytes)
  throw new ConfigError([
    { path: 'memoryQueue.maxBytes', reason: 'must be a whole number of at least 1' },
  ])
}

class MemoryQueue implements Queue {
  readonly kind = 'memory'
  readonly supports: QueueSupports
  readonly #maxBytes: number
  readonly #letters: LetterStore = newLetterStore()
  readonly #shelf: TransactionShelf = new Map()
  readonly #readers = new Map<string, MemoryReader>()
  /** Records not yet due: the soonest first, those due at one instant in the order they were sent. */
  readonly #delayed = new Heap<MemoryEntry>((a, b) =>
    a.dueAt === b.dueAt ? a.arrival < b.arrival : a.dueAt < b.dueAt,
  )
  /** Due, and held back by a recall. */
  readonly #heldDue = new Set<MemoryEntry>()
  /** Undefined while closed. */
  #context: QueueContext | undefined
  #arrivals = 0
  #lastPosition = 0
  /** Invariant: the bytes of the entries that are owed to some reader. At most `#maxBytes`. */
  #keptBytes = 0
  #highestVersion = 0n

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    this.supports = Object.freeze({
      order: 'key',
      longestDelayMs: Number.POSITIVE_INFINITY,
      largestRecordBytes: Math.min(maxBytes, largestRecordBytes),
      largestBatchRecords: Number.POSITIVE_INFINITY,
      largestBatchBytes: Number.POSITIVE_INFINITY,
      replay: false,
      independentReaders: true,
      deadLetterListing: true,
      durability: 'none',
      shared: false,
      attempts: 'all',
      releaseHoldsKey: false,
    })
  }

  async open(context: QueueContext): Promise<void> {
    if (this.#context && this.#context.namespace !== context.namespace) {
      throw new WalError(
        'ERR_CONFIG',
        `This memory queue already serves the namespace "${this.#context.namespace}"; ` +
          `give "${context.namespace}" a memoryQueue() of its own.`,
      )
    }
    this.#context = context
    for (const target of context.targets) {
      if (!this.#readers.has(target)) this.#readers.set(target, new MemoryReader())
    }
  }

  async producer(): Promise<Producer> {
    this.#opened()
    let closed = false
    return {
      send: async (records) =>
        records.map((record) => (closed ? refuse(closedError()) : this.#append(record))),
      close: async () => {
        closed = true
      },
    }
  }

  async consumer(target: string): Promise<Consumer> {
    const { clock, namespace } = this.#opened()
    const reader = this.#readers.get(target)
    if (!reader) {
      throw new WalError(
        'ERR_UNKNOWN_TARGET',
        `The queue of namespace "${namespace}" was opened without a target "${target}".`,
      )
    }
    reader.consumer?.abandon()
    reader.consumer = new MemoryConsumer(reader, clock, {
      admitDue: () => this.#admitDue(clock),
      acked: (entry) => this.#acked(entry),
      lastPosition: () => this.#lastPosition,
    })
    return reader.consumer
  }

  async deadLetters(): Promise<DeadLetterQueue> {
    this.#opened()
    return memoryDeadLetterQueue(this.#letters)
  }

  async transactions(): Promise<TransactionStore> {
    this.#opened()
    return memoryTransactionStore(this.#shelf)
  }

  highestVersion(): bigint | undefined {
    return this.#highestVersion === 0n ? undefined : this.#highestVersion
  }

  async recall(id: string): Promise<Recall> {
    const { clock, targets } = this.#opened()
    this.#admitDue(clock)
    const [anyReader] = this.#readers.values()
    const held = [...(anyReader?.delayed ?? [])].filter(
      (entry) => entry.record.id === id && entry.recalled === undefined && isRecallable(entry),
    )
    for (const entry of held) entry.recalled = 'held'
    return {
      findings: new Map(targets.map((target) => [target, this.#finding(target, id, held)])),
      held: held.map(({ record }) => ({ record, targets: targetsOf(record, targets) })),
      takeBack: async () => {
        for (const entry of held) this.#takeBack(entry)
      },
      letGo: () => {
        for (const entry of held) this.#letGo(entry)
      },
    }
  }

  async close(): Promise<void> {
    for (const reader of this.#readers.values()) await reader.consumer?.close()
    this.#context = undefined
  }

  #append(record: StoredRecord): SendOutcome {
    if (!this.#context) return refuse(closedError())
    const { clock, namespace } = this.#context
    const bytes = recordBytes(record)
    if (bytes > this.supports.largestRecordBytes) return refuse(tooLarge(record, bytes, this))
    if (this.#keptBytes + bytes > this.#maxBytes)
      return refuse(overloaded(namespace, this.#maxBytes))

    this.#admitDue(clock)
    this.#keptBytes += bytes
    if (record.version > this.#highestVersion) this.#highestVersion = record.version
    const entry: MemoryEntry = {
      record: copyOf(record),
      bytes,
      dueAt: record.dueAt ?? 0,
      arrival: ++this.#arrivals,
      position: 0,
      owed: 0,
      recalled: undefined,
    }
    if (entry.dueAt > clock.now()) this.#delay(entry)
    else this.#admit(entry)
    return { durable: 'yes' }
  }

  #delay(entry: MemoryEntry): void {
    this.#delayed.push(entry)
    for (const reader of this.#readers.values()) reader.delay(entry)
  }

  /** Gives the record its place: behind everything that was there before it was due. */
  #admit(entry: MemoryEntry): void {
    entry.position = ++this.#lastPosition
    entry.owed = this.#readers.size
    for (const reader of this.#readers.values()) reader.admit(entry)
  }

  /** Admits what has become due. Answers when the next record will be; Infinity for never. */
  #admitDue(clock: Clock): number {
    const now = clock.now()
    for (let next = this.#delayed.peek(); next; next = this.#delayed.peek()) {
      if (next.dueAt > now) return next.dueAt
      this.#delayed.pop()
      if (next.recalled === 'held') this.#heldDue.add(next)
      else if (next.recalled === 'takenBack') this.#keptBytes -= next.bytes
      else this.#admit(next)
    }
    return Number.POSITIVE_INFINITY
  }

  #finding(target: string, id: string, held: readonly MemoryEntry[]): RecallFinding {
    const isIt = ({ record, dueAt }: MemoryEntry): boolean =>
      record.id === id && dueAt > 0 && (record.target ?? target) === target
    const pending = this.#readers.get(target)?.pending.values() ?? []
    for (const { entry } of pending) if (isIt(entry) && isRecallable(entry)) return 'tooLate'
    return held.some(isIt) ? 'held' : 'unknown'
  }

  #takeBack(entry: MemoryEntry): void {
    entry.recalled = 'takenBack'
    // Else it is kept until its time comes.
    if (this.#heldDue.delete(entry)) this.#keptBytes -= entry.bytes
    for (const reader of this.#readers.values()) reader.takeBack(entry)
  }

  #letGo(entry: MemoryEntry): void {
    entry.recalled = undefined
    if (this.#heldDue.delete(entry)) this.#admit(entry)
  }

  /** With the last ack nothing refers to the record any more. */
  #acked(entry: MemoryEntry): void {
    entry.owed--
    if (entry.owed === 0) this.#keptBytes -= entry.bytes
  }

  #opened(): QueueContext {
    if (!this.#context) throw closedError()
    return this.#context
  }
}

/** One that is redriven does not wait for its time any more. */
function isRecallable({ record }: MemoryEntry): boolean {
  return record.attemptEpoch === 0
}

function targetsOf({ target }: StoredRecord, all: readonly string[]): readonly string[] {
  return target === undefined ? all : [target]
}

/** The sender may use its bytes again once `send` has resolved, so the queue keeps its own. */
function copyOf(record: StoredRecord): StoredRecord {
  const { headers, payload } = record
  return { ...record, headers: { ...headers }, payload: payload && new Uint8Array(payload) }
}

function refuse(error: WalError): SendOutcome {
  return { durable: 'no', error }
}

function closedError(): WalError {
  return new WalError('ERR_CLOSED', 'The memory queue is closed.')
}

function tooLarge({ namespace, id }: StoredRecord, bytes: number, { supports }: Queue): WalError {
  return new WalError(
    'ERR_PAYLOAD_TOO_LARGE',
    `Record ${id} of namespace "${namespace}" counts for ${bytes} bytes; ` +
      `the memory queue takes at most ${supports.largestRecordBytes} for one.`,
  )
}

function overloaded(namespace: string, maxBytes: number): WalError {
  return new WalError(
    'ERR_OVERLOADED',
    `The memory queue of namespace "${namespace}" is full (${maxBytes} bytes). ` +
      'Write again once its targets have caught up, or give it a larger maxBytes.',
    { retryable: true },
  )
}
