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
export { makeDeadLetter, makeRecord, makeStoredRecord } from './make-record.ts'
export {
  type QueueConformanceOptions,
  type QueueSubject,
  queueConformance,
} from './queue-conformance.ts'
