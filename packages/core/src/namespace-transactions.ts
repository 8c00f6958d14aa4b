import type { Clock } from './clock.ts'
import { ConfigError } from './config/config-error.ts'
import type { ResolvedNamespace } from './config/resolve.ts'
import type { DeadLetterQueue } from './dlq/dlq.ts'
import { reasonOf, shown } from './error-text.ts'
import { isWalError, WalError } from './errors.ts'
import type { WalEmitter } from './events.ts'
import { refused } from './producer/check-fields.ts'
import type { RecordPreparer } from './producer/prepare-record.ts'
import type { QueueProducer } from './producer/queue-producer.ts'
import { NotDurableError, type Receipt } from './producer/receipt.ts'
import type { WriteInput } from './producer/write-input.ts'
import { patienceOf } from './producer/writer.ts'
import type { Queue } from './queue/queue.ts'
import type { StoredRecord } from './record.ts'
import type { RecordIds } from './record-id.ts'
import { FreshSets } from './transaction/fresh-sets.ts'
import { HeadChanges } from './transaction/head-changes.ts'
import type { BuildTransaction, TransactionOptions } from './transaction/transaction.ts'
import type { TransactionStore } from './transaction/transaction-store.ts'
import { type MutationInput, versionDistance } from './transaction/transaction-writer.ts'
import { Transactions } from './transaction/transactions.ts'
import { TransactionsAtTargets } from './transaction/transactions-at-targets.ts'
import type { VersionClock } from './version.ts'

export interface NamespaceTransactionsOptions {
  readonly config: ResolvedNamespace
  readonly queue: Queue
  readonly store: TransactionStore
  readonly region: { readonly name: string }
  readonly clock: Clock
  readonly emitter: WalEmitter
  readonly ids: RecordIds
  readonly versions: VersionClock
  readonly preparer: RecordPreparer
  readonly producer: QueueProducer
}

/** Parts that a store others share does not show yet are waited for so long, in ms. */
const patienceMs = 600_000

/** Room that a marker's other fields take of a record. */
const otherFieldsBytes = 1024

/** The transactions of a namespace: the writer's side, and that of its deliveries. */
export class NamespaceTransactions {
  readonly writing: Transactions
  readonly atTargets: TransactionsAtTargets

  constructor(options: NamespaceTransactionsOptions) {
    const { config, queue, store, clock, emitter, preparer, producer, versions, ids } = options
    const namespace = config.name
    const { maxMutations, maxBytes, openFor } = transactionsOf(config)
    const ownsStore = config.transactions?.store === undefined && !queue.supports.shared
    const changes = new HeadChanges({
      store,
      clock,
      onChange: (change) => emitter.emit('transaction', { namespace, ...change }),
    })
    const fresh = queue.supports.shared ? undefined : new FreshSets()
    this.writing = new Transactions({
      namespace,
      fresh,
      store,
      changes,
      clock,
      maxMutations,
      maxBytes,
      openForMs: openFor,
      keepMs: keepMsOf(config, queue),
      handsOutForMs: handsOutForMsOf(queue),
      ownsStore,
      namesKeys: !queue.supports.shared,
      origin: options.region.name,
      largestMarkerBytes: queue.supports.largestRecordBytes - otherFieldsBytes,
      timeoutMs: config.writeTimeout,
      newId: () => ids.next(clock.now()),
      versions: (keys, steps) => versions.nextForAll(keys, steps, clock.now()),
      check: (input) => {
        checkMutation(namespace, input)
        return preparer.check(input as WriteInput<unknown>)
      },
      build: (input, payload, { id, index, steps }) =>
        preparer.mutation(
          input as WriteInput<unknown>,
          payload,
          { id, index },
          versionDistance(steps),
        ),
      send: (record) =>
        producer.send([record], { waits: true }, ([outcome]) => outcome ?? { durable: 'unknown' }),
      reportError: (error) => emitter.report({ error: asWalError(namespace, error), namespace }),
    })
    this.atTargets = new TransactionsAtTargets({
      namespace,
      store,
      changes,
      clock,
      patienceMs: ownsStore ? 0 : patienceMs,
      fresh,
    })
  }

  /** Rejects unless it is certain to be applied. */
  async run(
    build: BuildTransaction<unknown, string, 'none'>,
    options: TransactionOptions,
  ): Promise<Receipt> {
    const receipt = await this.writing.run(build, { ...options, ...patienceOf(options) })
    if (receipt.durable === 'yes') return receipt
    throw new NotDurableError(receipt, 'transaction')
  }

  /** The namespace's dead letters, so that a transaction is parked before its letter is there. */
  parking(letters: DeadLetterQueue | undefined): DeadLetterQueue | undefined {
    if (letters === undefined) return undefined
    const { atTargets } = this
    return {
      supports: letters.supports,
      async put(put) {
        for (const letter of put) {
          if (letter.record.transaction !== undefined) await atTargets.park(letter)
        }
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
}

/** Where a namespace's transactions wait; undefined where it has none. */
export async function transactionStoreOf(
  config: ResolvedNamespace,
  queue: Queue,
  emitter: WalEmitter,
): Promise<TransactionStore | undefined> {
  const { name, transactions } = config
  if (transactions === undefined) return undefined
  const store = transactions.store ?? (await queue.transactions?.())
  if (store === undefined) {
    throw new ConfigError([
      {
        path: `namespaces.${name}.transactions`,
        reason: `a ${queue.kind} queue has no place for their mutations; give transactions.store`,
      },
    ])
  }
  try {
    await store.open?.({
      namespace: name,
      keepMs: keepMsOf(config, queue),
      reportError: (error) => emitter.report({ error, namespace: name }),
    })
    return store
  } catch (error) {
    await store.close().catch(() => {})
    throw error
  }
}

/** A marker that comes again must find its head, or it is taken for one whose mutations are lost. */
function keepMsOf(config: ResolvedNamespace, queue: Queue): number {
  const { keep } = transactionsOf(config)
  const handsOutForMs = handsOutForMsOf(queue)
  return handsOutForMs === Number.POSITIVE_INFINITY ? keep : Math.max(keep, handsOutForMs)
}

function handsOutForMsOf(queue: Queue): number {
  return queue.handsOutForMs?.() ?? Number.POSITIVE_INFINITY
}

/** False for the marker of a transaction that has no mutations for this target. */
export function concernsTarget(
  transactions: NamespaceTransactions | undefined,
  record: StoredRecord,
  target: string,
): boolean {
  if (record.transaction === undefined || transactions === undefined) return true
  return transactions.atTargets.keysOf(record, target) !== undefined
}

/** Refuses what has no transactions. */
export function noTransactions(namespace: string): WalError {
  return new WalError(
    'ERR_NOT_SUPPORTED',
    `Namespace '${namespace}' has no transactions: set namespaces.${namespace}.transactions, to {} for the defaults.`,
  )
}

function transactionsOf({ name, transactions }: ResolvedNamespace) {
  if (transactions === undefined) throw noTransactions(name)
  return transactions
}

/** Whatever a mutation may have. One misspelt, or a delay, would be passed over in silence. */
const mutationFields: ReadonlySet<string> = new Set([
  'op',
  'target',
  'key',
  'payload',
  'headers',
  'traceContext',
])

function checkMutation(namespace: string, input: MutationInput): void {
  for (const name in input) {
    if (mutationFields.has(name)) continue
    const known = [...mutationFields].slice(2).join(', ')
    throw refused(namespace, `it has ${shown(name)}, which is no field of a mutation: ${known}`)
  }
  if (typeof input.target === 'string') return
  throw refused(namespace, `the target of a mutation is ${shown(input.target)}; it must be a name`)
}

function asWalError(namespace: string, cause: unknown): WalError {
  if (isWalError(cause)) return cause
  const why = reasonOf(cause)
  return new WalError('ERR_IO', `The transactions of namespace '${namespace}': ${why}`, { cause })
}
