import type { Clock } from './clock.ts'
import { type Codec, jsonCodec } from './codec.ts'
import type { ResolvedNamespace } from './config/resolve.ts'
import { HopCounter } from './delay-hops.ts'
import {
  type CancelFate,
  DelayedRecords,
  type NewTime,
  type RescheduleFate,
} from './delayed-records.ts'
import type { Isolation } from './delivery/isolation.ts'
import { RateLimit } from './delivery/rate-limit.ts'
import { DeadLetters, presentLetter } from './dlq/dead-letters.ts'
import type { DeadLetterQueue } from './dlq/dlq.ts'
import { lettersOf } from './dlq/letters-of.ts'
import { noDeadLetterQueue } from './dlq/no-dlq.ts'
import { WalError } from './errors.ts'
import type { WalEmitter } from './events.ts'
import { Forwards } from './forwards.ts'
import type { DrainOptions, Namespace, NamespaceDrainReport, NamespaceStatus } from './namespace.ts'
import { closeNamespace } from './namespace-closing.ts'
import { NamespaceDelivery } from './namespace-delivery.ts'
import {
  checkMany,
  type OpenParts,
  openQueue,
  preparerOf,
  producerOf,
  replicationOf,
  straysOf,
  versionClockOf,
} from './namespace-opening.ts'
import {
  concernsTarget,
  NamespaceTransactions,
  noTransactions,
  transactionStoreOf,
} from './namespace-transactions.ts'
import type { RecordPreparer } from './producer/prepare-record.ts'
import type { SendOutcome } from './producer/producer.ts'
import type { QueueProducer } from './producer/queue-producer.ts'
import { isShed, NotDurableError, onlyReceipt, type Receipt } from './producer/receipt.ts'
import type { Answer } from './producer/sending.ts'
import { WriteBudget } from './producer/write-budget.ts'
import type {
  DeleteInput,
  WaitFields,
  WriteInput,
  WriteManyInput,
  WriteManyOptions,
} from './producer/write-input.ts'
import { patienceOf, Writer } from './producer/writer.ts'
import type { Queue } from './queue/queue.ts'
import type { Random } from './random.ts'
import type { ForwardedRecord, StoredRecord, WalRecord } from './record.ts'
import { RecordIds } from './record-id.ts'
import type { Replication } from './region/replication.ts'
import type { ReplayOptions, ReplayReport } from './replay/replay.ts'
import { Replays } from './replay/replays.ts'
import type { Shard } from './shard.ts'
import { placeOf } from './target/forwarding/trail.ts'
import { isMarker, markerOf } from './transaction/marker.ts'
import type {
  BuildTransaction,
  TransactionOptions,
  TransactionStatus,
} from './transaction/transaction.ts'
import type { TransactionStore } from './transaction/transaction-store.ts'

export interface OpenNamespaceOptions {
  readonly config: ResolvedNamespace
  readonly queue: Queue
  readonly directory: string | undefined
  readonly region: { readonly name: string; readonly number: number }
  readonly shard: Shard
  readonly isolation: Isolation
  readonly clock: Clock
  readonly random: Random
  readonly emitter: WalEmitter
}

/** One namespace at work: its queue open, its producer ready, its deliveries once started. */
export class OpenNamespace implements Namespace {
  readonly name: string
  readonly deadLetters: DeadLetters
  readonly #options: OpenNamespaceOptions
  readonly #producer: QueueProducer
  readonly #preparer: RecordPreparer
  readonly #writer: Writer
  readonly #writes: WriteBudget
  readonly #delivery: NamespaceDelivery
  readonly #letters: DeadLetterQueue | undefined
  /** Letters that are being redriven or discarded. */
  readonly #claimedLetters = new Map<string, Promise<unknown>>()
  readonly #hops: HopCounter
  readonly #codec: Codec
  readonly #delayed: DelayedRecords
  readonly #replays: Replays
  readonly #forwards: Forwards
  readonly #replication: Replication | undefined
  readonly #transactions: NamespaceTransactions | undefined
  readonly #closing = new AbortController()

  /** Opens the queue and what hangs on it. If any part fails, what was opened is closed again. */
  static async open(options: OpenNamespaceOptions): Promise<OpenNamespace> {
    const { config, queue, clock } = options
    const hops = new HopCounter(clock)
    const strays = straysOf(options)
    await openQueue(options, hops, strays)
    let letters: DeadLetterQueue | undefined
    let store: TransactionStore | undefined
    try {
      letters = await lettersOf(config, queue)
      store = await transactionStoreOf(config, queue, options.emitter)
      const versions = await versionClockOf(options, options.region.number)
      const producer = await queue.producer()
      const parts = { producer, letters, store, hops, strays, versions }
      const opened = new OpenNamespace(options, parts)
      await opened.#replication?.check()
      await opened.#transactions?.writing.begin()
      return opened
    } catch (error) {
      await store?.close().catch(() => {})
      await letters?.close().catch(() => {})
      await queue.close().catch(() => {})
      throw error
    }
  }

  private constructor(given: OpenNamespaceOptions, parts: OpenParts) {
    const { producer, store, hops, versions } = parts
    const replication = replicationOf(given, versions)
    const options = { ...given, config: { ...given.config, ...replication?.guarded } }
    const { config, queue, clock, random } = options
    this.name = config.name
    this.#options = options
    this.#replication = replication
    this.#hops = hops
    this.#writes = new WriteBudget(`namespace '${config.name}'`, config.limits.inFlightBytes)
    this.#producer = producerOf(options, producer, this.#writes)
    this.#codec = config.codec ?? jsonCodec
    const ids = new RecordIds(random)
    this.#preparer = preparerOf(options, this.#codec, versions, ids, replication)
    const own = { preparer: this.#preparer, producer: this.#producer, versions, ids }
    this.#transactions = store && new NamespaceTransactions({ ...options, ...own, store })
    const letters = this.#transactions?.parking(parts.letters) ?? parts.letters
    this.#letters = letters
    this.#writer = new Writer({
      preparer: this.#preparer,
      producer: this.#producer,
      clock,
      timeoutMs: config.writeTimeout,
    })
    this.#delayed = new DelayedRecords({
      namespace: config.name,
      queue,
      targets: Object.keys(config.targets),
      dueAt: (time) => this.#preparer.newDueAt(time),
      send: (records) => this.#producer.send(records, {}, (outcomes) => outcomes),
    })
    this.#replays = new Replays({
      namespace: config.name,
      queue,
      targets: config.targets,
      clock,
      decode: this.#decode,
      concerns: (record, target) =>
        replication?.concerns(record, target) !== false &&
        concernsTarget(this.#transactions, record, target),
      send: (records) => this.#producer.send(records, { waits: true }, (outcomes) => outcomes),
      versions,
      isReplicated: replication !== undefined,
      pace: (perSecond) => paceOf(perSecond, clock),
    })
    const place = placeOf(options.region.name, config.name, options.random)
    this.#forwards = new Forwards({
      ...{ namespace: config.name, place, targets: replication?.ownTargets ?? config.targets },
      prepare: (record) => this.#preparer.forwarded(record),
      send: (records, patience) => this.#producer.send(records, patience, (outcomes) => outcomes),
    })
    const shared = { place, letters, transactions: this.#transactions?.atTargets }
    const concerns = replication?.concerns.bind(replication)
    const { strays } = parts
    const decode = this.#decode
    this.#delivery = new NamespaceDelivery({ ...options, ...shared, decode, concerns, strays })
    this.deadLetters = this.#openDeadLetters(letters)
  }

  write(input: WriteInput<unknown>): Promise<Receipt> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closedError())
    this.#forwards.written()
    return this.#writer.write(input, this.#durableOnly)
  }

  tryWrite(input: WriteInput<unknown>): Promise<Receipt> {
    if (this.#closing.signal.aborted) return Promise.reject(this.#closedError())
    this.#forwards.written()
    return this.#writer.write(input, onlyReceipt)
  }

  async writeMany(
    inputs: readonly WriteManyInput<unknown>[],
    options: WriteManyOptions = {},
  ): Promise<readonly Receipt[]> {
    if (this.#closing.signal.aborted) throw this.#closedError()
    checkMany(this.name, inputs)
    this.#forwards.written()
    return this.#writer.writeMany(inputs, patienceOf(options))
  }

  delete(input: DeleteInput<unknown>): Promise<Receipt> {
    return this.write({ ...input, op: 'delete' })
  }

  async forward(records: readonly ForwardedRecord[], options: WaitFields = {}) {
    if (this.#closing.signal.aborted) throw this.#closedError()
    return this.#forwards.run(records, patienceOf(options))
  }

  async cancel(id: string): Promise<Record<string, CancelFate>> {
    if (this.#closing.signal.aborted) throw this.#closedError()
    return this.#delayed.cancel(id)
  }

  async reschedule(id: string, time: NewTime): Promise<Record<string, RescheduleFate>> {
    if (this.#closing.signal.aborted) throw this.#closedError()
    return this.#delayed.reschedule(id, time)
  }

  async replay(options: ReplayOptions): Promise<ReplayReport> {
    if (this.#closing.signal.aborted) throw this.#closedError()
    return this.#replays.run(options)
  }

  async transaction(
    build: BuildTransaction<unknown, string, 'none'>,
    options: TransactionOptions = {},
  ): Promise<Receipt> {
    const transactions = this.#withTransactions()
    this.#forwards.written()
    return transactions.run(build, options)
  }

  async transactionStatus(id: string): Promise<TransactionStatus | undefined> {
    return this.#withTransactions().writing.status(id)
  }

  /** Begins delivery to every target. */
  start(): Promise<void> {
    return this.#delivery.start()
  }

  /** Ends what `start` began; writes go on. */
  stop(deadlineMs: number): Promise<void> {
    return this.#delivery.close(deadlineMs)
  }

  async drain(options: DrainOptions = {}): Promise<NamespaceDrainReport> {
    if (this.#closing.signal.aborted) throw this.#closedError()
    return this.#delivery.drain(options)
  }

  async status(): Promise<NamespaceStatus> {
    if (this.#closing.signal.aborted) throw this.#closedError()
    const now = {
      queue: this.#options.queue.kind,
      writes: {
        inFlight: this.#producer.inFlightRecords,
        inFlightBytes: this.#writes.usedBytes,
        waiting: this.#producer.waiting,
      },
      kept: this.#options.queue.kept?.(),
      hops: this.#hops.status(),
    }
    const targets = await this.#delivery.status()
    return { ...now, targets, replication: this.#replication?.status(targets) }
  }

  /** Takes no more writes, hands back what is being applied, and closes the queue. */
  async close(deadlineMs: number): Promise<void> {
    this.#closing.abort()
    const { clock, queue } = this.#options
    const transactions = this.#transactions?.writing
    const parts = {
      ...{ replays: this.#replays, transactions, producer: this.#producer, queue },
      ...{ delivery: this.#delivery, delayed: this.#delayed, letters: this.#letters },
      lettersAtWork: { idle: () => Promise.allSettled(this.#claimedLetters.values()) },
    }
    await closeNamespace(parts, { clock, deadlineMs })
  }

  readonly #decode = (record: StoredRecord): WalRecord => {
    const { payload } = record
    if (payload === undefined) return record as WalRecord
    if (isMarker(record)) return { ...record, payload: markerOf(record) } as WalRecord
    return { ...record, payload: this.#codec.decode(payload) } as WalRecord
  }

  #openDeadLetters(letters: DeadLetterQueue | undefined): DeadLetters {
    const { config, clock } = this.#options
    return new DeadLetters({
      namespace: config.name,
      clock,
      queue: letters ?? noDeadLetterQueue,
      present: (letter) => presentLetter(config.name, letter, this.#decode),
      mend: (letter, edit) => this.#preparer.mend(letter, edit),
      send: (record) =>
        this.#producer.send([record], { waits: true }, ([outcome]) => outcome ?? noOutcome),
      hasTarget: (target) => Object.hasOwn(config.targets, target),
      lettersHoldKeys: config.onDeadLetter === 'block',
      expect: (letter, isCertain) => this.#delivery.expectRedriven(letter, isCertain),
      isUnderWay: (letter) => this.#delivery.isUnderWay(letter),
      pace: (perSecond) => paceOf(perSecond, clock),
      closing: this.#closing.signal,
      claimed: this.#claimedLetters,
      discardTransaction: (letter) => this.#transactions?.atTargets.discard(letter),
      discarded: (letter) => this.#delivery.letterDiscarded(letter),
    })
  }

  readonly #durableOnly: Answer<Receipt> = (outcomes, records) => {
    const receipt = onlyReceipt(outcomes, records)
    if (receipt.durable === 'yes') return receipt
    throw isShed(receipt) ? receipt.error : new NotDurableError(receipt)
  }

  #withTransactions(): NamespaceTransactions {
    if (this.#closing.signal.aborted) throw this.#closedError()
    if (this.#transactions === undefined) throw noTransactions(this.name)
    return this.#transactions
  }

  #closedError(): WalError {
    return new WalError('ERR_CLOSED', `Namespace '${this.name}' is closed.`)
  }
}

/** A tenth of a second's worth may go at once. */
function paceOf(perSecond: number, clock: Clock): RateLimit {
  return new RateLimit({ perSecond, burst: perSecond / 10 }, clock)
}

/** For a producer that answers with fewer outcomes than it was given records. */
const noOutcome: SendOutcome = { durable: 'unknown' }
