import { type Clock, systemClock } from './clock.ts'
import { sharedStorage } from './config/across-options.ts'
import { ConfigError } from './config/config-error.ts'
import type {
  InputOf,
  Namespaces,
  OrderOf,
  PayloadOf,
  ShardOptions,
  TargetOf,
} from './config/options.ts'
import { type Duration, durationMs } from './config/quantity.ts'
import { type ResolvedNamespace, type ResolvedOptions, resolveOptions } from './config/resolve.ts'
import type { CancelFate, NewTime, RescheduleFate } from './delayed-records.ts'
import { processIsolation } from './delivery/isolation.ts'
import { WalError } from './errors.ts'
import { type EventLoopWatch, watchEventLoop } from './event-loop-lag.ts'
import { WalEmitter, type WalEventName, type WalEvents } from './events.ts'
import type { DrainOptions, Namespace, NamespaceDrainReport, NamespaceStatus } from './namespace.ts'
import { OpenNamespace } from './open-namespace.ts'
import { warnOfIdempotency } from './persona/idempotency-warning.ts'
import type { Receipt } from './producer/receipt.ts'
import type {
  DeleteInput,
  WriteInput,
  WriteManyInput,
  WriteManyOptions,
} from './producer/write-input.ts'
import { fileQueue } from './queue/file/file-queue.ts'
import { type Random, systemRandom } from './random.ts'
import type { ReplayOptions, ReplayReport } from './replay/replay.ts'
import { settleSome } from './settle-some.ts'
import { Shard } from './shard.ts'

/** What `createWal` takes. */
export interface WalOptions<N extends Namespaces = Namespaces> {
  /** Where embedded queues live, one directory per namespace. Needed unless all bring a queue. */
  readonly directory?: string | undefined
  /** The region written into records and versions. Default `{ name: 'local', number: 0 }`. */
  readonly region?: { readonly name?: string; readonly number?: number } | undefined
  readonly shards?: { readonly [name: string]: ShardOptions } | undefined
  readonly namespaces: N
  /** For tests: the source of time. */
  readonly clock?: Clock | undefined
  /** For tests: the source of randomness. */
  readonly random?: Random | undefined
}

/** How a wal is closed. */
export interface CloseOptions {
  /**
   * How long writes on their way and records being applied may take to finish; then they are given
   * up. All targets, consumers and queues have two seconds more to close, together: what hangs in any of them delays
   * a close no longer than that (a queue that hangs as well, by a second more). Default `'10s'`.
   */
  readonly timeout?: Duration | undefined
}

/** The state of the whole wal. */
export interface WalStatus<N extends Namespaces = Namespaces> {
  readonly started: boolean
  /** The longest the event loop was held up in the last second, in ms. */
  readonly eventLoopLagMs: number
  readonly namespaces: { readonly [K in keyof N]: NamespaceStatus<TargetOf<N[K]>> }
}

/** An open wal; made by {@link createWal}. */
export interface Wal<N extends Namespaces = Namespaces> extends AsyncDisposable {
  /** A handle on one namespace, typed by its configuration. */
  namespace<K extends keyof N & string>(
    name: K,
  ): Namespace<PayloadOf<N[K]>, TargetOf<N[K]>, InputOf<N[K]>, OrderOf<N[K]>>
  /** `wal.namespace(name).write(input)`. */
  write<K extends keyof N & string>(
    name: K,
    input: WriteInput<InputOf<N[K]>, TargetOf<N[K]>, OrderOf<N[K]>>,
  ): Promise<Receipt>
  /** `wal.namespace(name).tryWrite(input)`. */
  tryWrite<K extends keyof N & string>(
    name: K,
    input: WriteInput<InputOf<N[K]>, TargetOf<N[K]>, OrderOf<N[K]>>,
  ): Promise<Receipt>
  /** `wal.namespace(name).writeMany(inputs)`. */
  writeMany<K extends keyof N & string>(
    name: K,
    inputs: readonly WriteManyInput<InputOf<N[K]>, TargetOf<N[K]>, OrderOf<N[K]>>[],
    options?: WriteManyOptions,
  ): Promise<readonly Receipt[]>
  /** `wal.namespace(name).delete(input)`. */
  delete<K extends keyof N & string>(
    name: K,
    input: DeleteInput<InputOf<N[K]>, TargetOf<N[K]>, OrderOf<N[K]>>,
  ): Promise<Receipt>
  /** `wal.namespace(name).cancel(id)`. */
  cancel<K extends keyof N & string>(
    name: K,
    id: string,
  ): Promise<Readonly<Record<TargetOf<N[K]>, CancelFate>>>
  /** `wal.namespace(name).reschedule(id, time)`. */
  reschedule<K extends keyof N & string>(
    name: K,
    id: string,
    time: NewTime,
  ): Promise<Readonly<Record<TargetOf<N[K]>, RescheduleFate>>>
  /** `wal.namespace(name).replay(options)`. */
  replay<K extends keyof N & string>(
    name: K,
    options: ReplayOptions<PayloadOf<N[K]>, TargetOf<N[K]>>,
  ): Promise<ReplayReport>
  /**
   * Begins delivery to every target. Without it a process only writes. A target that cannot be
   * opened counts as unavailable, and is tried again. Rejects if a queue cannot be read; nothing is
   * delivered then, and `start` may be called again.
   */
  start(): Promise<void>
  /** Waits until what is in every queue now has been delivered; reports per namespace and target. */
  drain(
    options?: DrainOptions,
  ): Promise<{ readonly [K in keyof N]: NamespaceDrainReport<TargetOf<N[K]>> }>
  /**
   * How every namespace and target is doing now. Rejects with `ERR_CLOSED` once it is closed, and with the error of the
   * first namespace that cannot tell, as where its dead letters cannot be read: the others still answer
   * `wal.namespace(name).status()`.
   */
  status(): Promise<WalStatus<N>>
  /**
   * Listens to an event. A listener that throws, or rejects, harms nothing else: that becomes an
   * `error` event (`ERR_LISTENER_FAILED`), or a process warning where it listens to `error`.
   */
  on<E extends WalEventName>(event: E, listener: WalEvents[E]): this
  /** Listens to the next one of an event. */
  once<E extends WalEventName>(event: E, listener: WalEvents[E]): this
  /** Stops listening. */
  off<E extends WalEventName>(event: E, listener: WalEvents[E]): this
  /**
   * Stops intake, lets what is being applied finish or hands it back to the queue, and gives up
   * every resource. A second call waits for the first.
   */
  close(options?: CloseOptions): Promise<void>
}

/**
 * Opens a wal: checks its configuration whole, opens every namespace's queue and recovers what a
 * crash has left. Nothing is delivered before `start`.
 *
 * Rejects with `ConfigError` (every mistake, with its option's path), or with the `WalError` of the
 * queue that could not be opened; what had been opened by then is closed again.
 *
 * @example
 * const wal = await createWal({
 *   directory: './wal-data',
 *   namespaces: { titles: fanOut({ payload: type<Title>(), targets: { database, search } }) },
 * })
 */
export async function createWal<const N extends Namespaces>(
  options: WalOptions<N>,
): Promise<Wal<N>> {
  const resolved = resolveOptions(options)
  const wal = new OpenWal(resolved, options.clock ?? systemClock, options.random ?? systemRandom)
  await wal.open()
  return wal as unknown as Wal<N>
}

class OpenWal implements AsyncDisposable {
  readonly #options: ResolvedOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #emitter = new WalEmitter()
  readonly #namespaces = new Map<string, OpenNamespace>()
  readonly #eventLoop: EventLoopWatch
  #started = false
  #closing: Promise<void> | undefined

  constructor(options: ResolvedOptions, clock: Clock, random: Random) {
    this.#options = options
    this.#clock = clock
    this.#random = random
    this.#eventLoop = watchEventLoop(clock, (lagMs) =>
      this.#emitter.emit('eventLoopLag', { lagMs }),
    )
  }

  async open(): Promise<void> {
    const { namespaces, shards } = this.#options
    const open = new Map([...shards].map(([name, options]) => [name, new Shard(name, options)]))
    const results = await settleSome(openAtOnce, namespaces, (config) => this.#open(config, open))
    for (const result of results) {
      if (result.status === 'fulfilled') this.#namespaces.set(result.value.name, result.value)
    }
    const failed = results.find((result) => result.status === 'rejected')
    const reason = failed?.reason ?? this.#sharedStorage()
    if (reason === undefined) return
    // Whatever fails while the others are given up, this is what has to be mended.
    await this.close().catch(() => {})
    throw reason
  }

  /** What a queue is made of may be known only once it is open, such as the cluster that a topic is of. */
  #sharedStorage(): ConfigError | undefined {
    const queues = this.#options.namespaces.map(({ name, queue }) => [name, queue] as const)
    const issues = sharedStorage(queues)
    return issues.length > 0 ? new ConfigError(issues) : undefined
  }

  #open(config: ResolvedNamespace, shards: ReadonlyMap<string, Shard>): Promise<OpenNamespace> {
    warnOfIdempotency(config)
    const { directory, region } = this.#options
    return OpenNamespace.open({
      config,
      queue: config.queue ?? fileQueue(),
      directory,
      region: config.replication?.region ?? region,
      shard: shardOf(shards, config.shard),
      isolation: processIsolation,
      clock: this.#clock,
      random: this.#random,
      emitter: this.#emitter,
    })
  }

  namespace(name: string): OpenNamespace {
    const namespace = this.#namespaces.get(name)
    if (namespace) return namespace
    const names = [...this.#namespaces.keys()].join(', ')
    throw new WalError(
      'ERR_UNKNOWN_NAMESPACE',
      `There is no namespace '${name}'; there is ${names}`,
    )
  }

  async write(name: string, input: WriteInput<unknown>): Promise<Receipt> {
    return this.namespace(name).write(input)
  }

  async tryWrite(name: string, input: WriteInput<unknown>): Promise<Receipt> {
    return this.namespace(name).tryWrite(input)
  }

  async writeMany(
    name: string,
    inputs: readonly WriteManyInput<unknown>[],
    options?: WriteManyOptions,
  ): Promise<readonly Receipt[]> {
    return this.namespace(name).writeMany(inputs, options)
  }

  async delete(name: string, input: DeleteInput<unknown>): Promise<Receipt> {
    return this.namespace(name).delete(input)
  }

  async cancel(name: string, id: string): Promise<Record<string, CancelFate>> {
    return this.namespace(name).cancel(id)
  }

  async reschedule(
    name: string,
    id: string,
    time: NewTime,
  ): Promise<Record<string, RescheduleFate>> {
    return this.namespace(name).reschedule(id, time)
  }

  async replay(name: string, options: ReplayOptions): Promise<ReplayReport> {
    return this.namespace(name).replay(options)
  }

  async start(): Promise<void> {
    if (this.#closing !== undefined) throw new WalError('ERR_CLOSED', 'The wal is closed')
    if (this.#started) throw new WalError('ERR_ALREADY_STARTED', 'The wal has been started already')
    this.#started = true
    const starts = [...this.#namespaces.values()].map((namespace) => namespace.start())
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === 'rejected')
    if (failed === undefined) return
    await Promise.allSettled([...this.#namespaces.values()].map((namespace) => namespace.stop(0)))
    this.#started = false
    throw (failed as PromiseRejectedResult).reason
  }

  drain(options: DrainOptions = {}) {
    return this.#each((namespace) => namespace.drain(options))
  }

  async status(): Promise<WalStatus> {
    if (this.#closing !== undefined) throw new WalError('ERR_CLOSED', 'The wal is closed')
    return {
      started: this.#started,
      eventLoopLagMs: this.#eventLoop.lagMs,
      namespaces: await this.#each((namespace) => namespace.status()),
    }
  }

  on<E extends WalEventName>(event: E, listener: WalEvents[E]): this {
    this.#emitter.on(event, listener as never)
    return this
  }

  once<E extends WalEventName>(event: E, listener: WalEvents[E]): this {
    this.#emitter.once(event, listener as never)
    return this
  }

  off<E extends WalEventName>(event: E, listener: WalEvents[E]): this {
    this.#emitter.off(event, listener as never)
    return this
  }

  async close({ timeout = defaultCloseTimeout }: CloseOptions = {}): Promise<void> {
    const deadlineMs = durationMs(timeout)
    this.#closing ??= this.#close(deadlineMs)
    await this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(deadlineMs: number): Promise<void> {
    const closed = await Promise.allSettled(
      [...this.#namespaces.values()].map((namespace) => namespace.close(deadlineMs)),
    )
    this.#eventLoop.stop()
    const failure = closed.find((one) => one.status === 'rejected')
    if (failure) throw failure.reason
  }

  async #each<T>(ask: (namespace: OpenNamespace) => Promise<T>): Promise<Record<string, T>> {
    const answers = [...this.#namespaces].map(
      async ([name, namespace]) => [name, await ask(namespace)] as const,
    )
    return Object.fromEntries(await Promise.all(answers))
  }
}

/** Namespaces opened at a time: each waits for the disk most of the while, and a disk can do several. */
const openAtOnce = 16

const defaultCloseTimeout: Duration = '10s'

function shardOf(shards: ReadonlyMap<string, Shard>, name: string): Shard {
  const shard = shards.get(name)
  if (shard) return shard
  throw new WalError('ERR_CONFIG', `There is no shard '${name}'`)
}
