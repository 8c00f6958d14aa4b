export type { File, FileSystem } from '../queue/file/file-system.ts'
export type { Parts } from '../queue/file/parts.ts'
export {
  type KeptTransaction,
  memoryTransactionStore,
  type TransactionShelf,
} from '../transaction/memory-transactions.ts'
export {
  type ConformanceCase,
  type ConformanceResult,
  type RunOptions,
  runConformance,
} from './conformance-case.ts'
export {
  type DeadLetterQueueConformanceOptions,
  type DeadLetterQueueSubject,
  deadLetterQueueConformance,
} from './dead-letter-queue-conformance.ts'
export { type DeliveryReport, type Identified, reportDelivery } from './delivery-report.ts'
export { faultyQueue, type QueueFaults, type SendFault } from './faulty-queue.ts'
export { faultyTarget, type TargetFaults } from './faulty-target.ts'
export { makeDeadLetter, makeRecord, makeStoredRecord } from './make-record.ts'
export {
  type QueueConformanceOptions,
  type QueueSubject,
  queueConformance,
} from './queue-conformance.ts'
export {
  type RecordingTarget,
  type RecordingTargetOptions,
  recordingTarget,
} from './recording-target.ts'
export { scaledClock } from './scaled-clock.ts'
export { SeededRandom } from './seeded-random.ts'
export type { Keep } from './simulated-file.ts'
export {
  type DiskCall,
  type DiskCallKind,
  type DiskFault,
  SimulatedFileSystem,
  type SimulatedFileSystemOptions,
} from './simulated-file-system.ts'
export {
  type TargetConformanceOptions,
  type TargetSubject,
  targetConformance,
} from './target-conformance.ts'
export {
  type TransactionStoreConformanceOptions,
  type TransactionStoreSubject,
  transactionStoreConformance,
  type UnreadableHeads,
} from './transaction-store-conformance.ts'
export { type RunUntilOptions, VirtualClock, type VirtualClockOptions } from './virtual-clock.ts'
