export { type Clock, systemClock, type Timer } from './clock.ts'
export { bytesCodec, type Codec, jsonCodec } from './codec.ts'
export { ConfigError, type ConfigIssue } from './config/config-error.ts'
export type {
  BatchOptions,
  BreakerOptions,
  InputOf,
  LimitOptions,
  NamespaceOptions,
  Namespaces,
  OrderOf,
  PayloadOf,
  RateLimitOptions,
  RetentionOptions,
  RetryOptions,
  ShardOptions,
  TargetOf,
  Targets,
  TransactionsOptions,
} from './config/options.ts'
export { type PayloadType, type } from './config/payload-type.ts'
export type { Duration, DurationUnit, Size, SizeUnit } from './config/quantity.ts'
export type {
  CatchUpOptions,
  PeerOptions,
  RegionOptions,
  ReplicationOptions,
} from './config/replication-options.ts'
export { connectionCodeOf } from './connection-errors.ts'
export {
  type Attempt,
  type AttemptClass,
  type AttemptState,
  type Backlog,
  type Consumer,
  type Delivery,
  noAttempts,
  type PullAheadOptions,
  type PullOptions,
  type Release,
  type SavedAttempts,
  type Watermark,
} from './consumer/consumer.ts'
export type { DelayHops } from './delay-hops.ts'
export type { CancelFate, NewTime, RescheduleFate } from './delayed-records.ts'
export type { BreakerState } from './delivery/breaker.ts'
export type { DrainReport } from './delivery/drain.ts'
export type { HeldPart } from './delivery/put-off.ts'
export type { DeliveryCounters, TargetStatus } from './delivery/status.ts'
export type { DeadLetter } from './dlq/dead-letter.ts'
export type {
  DeadLetterGroup,
  DeadLetterPage,
  DeadLetters,
} from './dlq/dead-letters.ts'
export {
  type DeadLetterFilter,
  type DeadLetterPageOptions,
  type DeadLetterQueue,
  type DeadLetterQueueContext,
  type DeadLetterSummary,
  type DeadLetterSupports,
  deadLetterId,
  type StoredDeadLetter,
  type StoredDeadLetterPage,
} from './dlq/dlq.ts'
export type {
  RedriveEdit,
  RedriveOptions,
  RedriveProgress,
  RedriveReport,
} from './dlq/redrive.ts'
export type { DeadLetterIds, DeadLetterSelection } from './dlq/selection.ts'
export { isWalError, WalError, type WalErrorCode, type WalErrorOptions } from './errors.ts'
export type {
  ClockDriftEvent,
  ErrorEvent,
  EventLoopLagEvent,
  HeldEvent,
  LostEvent,
  PausedEvent,
  PeerHeldEvent,
  RecordsEvent,
  RecoveredEvent,
  RetentionAtRiskEvent,
  RetentionHeldEvent,
  RetryEvent,
  TargetPlace,
  TransactionEvent,
  WalEventName,
  WalEvents,
} from './events.ts'
export type {
  DrainOptions,
  Namespace,
  NamespaceDrainReport,
  NamespaceStatus,
  NamespaceTargetStatus,
} from './namespace.ts'
export {
  type CrossRegionReplicationOptions,
  crossRegionReplication,
  type PeerTargetOf,
} from './persona/cross-region-replication.ts'
export { type DelayedQueueOptions, delayedQueue } from './persona/delayed-queue.ts'
export { type FanOutOptions, fanOut } from './persona/fan-out.ts'
export {
  type MultiPartitionMutationOptions,
  multiPartitionMutation,
} from './persona/multi-partition-mutation.ts'
export type { Durable, Producer, SendOptions, SendOutcome } from './producer/producer.ts'
export { NotDurableError, type Receipt } from './producer/receipt.ts'
export { OverloadedError } from './producer/write-budget.ts'
export type {
  DeleteInput,
  DeletePayload,
  KeyField,
  PatchPayload,
  PutPayload,
  WaitFields,
  WriteFields,
  WriteInput,
  WriteManyInput,
  WriteManyOptions,
} from './producer/write-input.ts'
export { type FileQueueOptions, fileQueue } from './queue/file/file-queue.ts'
export type { Finding, SequenceSpan } from './queue/file/inspect/finding.ts'
export type { IsOwned, LastOwner } from './queue/file/inspect/live-owner.ts'
export type { SegmentReport } from './queue/file/inspect/log-survey.ts'
export {
  type SalvageFileQueueOptions,
  salvageFileQueue,
} from './queue/file/inspect/salvage-file-queue.ts'
export type { CopiedParts, SalvageReport } from './queue/file/inspect/salvage-report.ts'
export { salvageReportText } from './queue/file/inspect/salvage-text.ts'
export type { ScheduleReport } from './queue/file/inspect/schedule-survey.ts'
export type { CopiedRun } from './queue/file/inspect/sequence-map.ts'
export {
  type VerifyFileQueueOptions,
  verifyFileQueue,
} from './queue/file/inspect/verify-file-queue.ts'
export type {
  CursorReport,
  DeadLettersReport,
  LogReport,
  VerifyReport,
} from './queue/file/inspect/verify-report.ts'
export { verifyReportText } from './queue/file/inspect/verify-text.ts'
export type { ReadProgress, ReadWatch } from './queue/file/inspect/watched-files.ts'
export type { AcquireLock, OwnerLock } from './queue/file/owner-lock.ts'
export { type MemoryQueueOptions, memoryQueue } from './queue/memory-queue.ts'
export type {
  PastPlace,
  PastRange,
  PastReader,
  PastReadLimits,
  PastRecord,
} from './queue/past.ts'
export type {
  KeptRecords,
  Queue,
  QueueContext,
  QueueSupports,
  RecordRetention,
  RetentionHold,
  RetentionRisk,
} from './queue/queue.ts'
export type { HeldRecord, Recall, RecallFinding } from './queue/recall.ts'
export { type Random, systemRandom } from './random.ts'
export type {
  DeleteRecord,
  ForwardedFields,
  ForwardedRecord,
  Op,
  PatchRecord,
  PutRecord,
  RecordFields,
  StoredRecord,
  TraceContext,
  TransactionPlace,
  WalRecord,
} from './record.ts'
export type { Drift } from './region/clock-watch.ts'
export type { PeerStatus, ReplicationStatus } from './region/replication-status.ts'
export type { ReplayOptions, ReplayPlace, ReplayReport } from './replay/replay.ts'
export { ReplayError } from './replay/replay-error.ts'
export { type FetchPayloads, fetchingTarget } from './target/fetching-target.ts'
export {
  type ForwardAnswer,
  type ForwardReceiverOptions,
  forwardReceiver,
  type ReceiveForwarded,
} from './target/forwarding/forward-receiver.ts'
export type { ForwardBody } from './target/forwarding/received-body.ts'
export {
  type ApplyOne,
  defineTarget,
  type TargetOptions,
} from './target/function-target.ts'
export type {
  HttpAnswer,
  HttpFetch,
  HttpFetchAnswer,
  HttpFetchInit,
  ReadableBody,
} from './target/http/http-exchange.ts'
export type {
  HttpBody,
  HttpHeaders,
  HttpMethod,
  HttpTargetOptions,
} from './target/http/http-options.ts'
export type { HttpSigningKey } from './target/http/http-signing.ts'
export { httpTarget } from './target/http/http-target.ts'
export { orAborted } from './target/or-aborted.ts'
export type {
  QueueTargetCommon,
  QueueTargetOfProducer,
  QueueTargetOfQueue,
  QueueTargetOptions,
} from './target/queue/queue-options.ts'
export { queueTarget } from './target/queue/queue-target.ts'
export {
  type ApplyBatch,
  type ApplyContext,
  applied,
  type BatchLimits,
  type FailureClass,
  type FailureDetails,
  type FailureOutcome,
  type HeldDetails,
  type HeldOutcome,
  held,
  type Idempotency,
  type Outcome,
  permanent,
  superseded,
  type Target,
  throttled,
  transient,
  unavailable,
} from './target/target.ts'
export {
  changeRow,
  markedRow,
  type NoChange,
  newestOf,
  type RowChange,
  rowMarks,
  type VersionedRow,
} from './target/versioned-row.ts'
export {
  type Forward,
  type ForwardingNamespace,
  type WalOf,
  type WalTargetCommon,
  type WalTargetOptions,
  walTarget,
} from './target/wal/wal-target.ts'
export type {
  BuildTransaction,
  MutationFields,
  Transaction,
  TransactionOptions,
  TransactionStatus,
  TransactionTargetStatus,
} from './transaction/transaction.ts'
export type {
  MarkerNote,
  TransactionFailure,
  TransactionFilter,
  TransactionHead,
  TransactionProgress,
  TransactionPutOptions,
  TransactionState,
  TransactionStore,
  TransactionStoreContext,
} from './transaction/transaction-store.ts'
export { type CloseOptions, createWal, type Wal, type WalOptions, type WalStatus } from './wal.ts'
