import { systemClock } from '../clock.ts'
import type { Attempt } from '../consumer/consumer.ts'
import { deadLetterId, type StoredDeadLetter } from '../dlq/dlq.ts'
import { systemRandom } from '../random.ts'
import type { StoredRecord, WalRecord } from '../record.ts'
import { RecordIds } from '../record-id.ts'

const ids = new RecordIds(systemRandom)
let lastVersion = 0n

/**
 * A record as targets see it: a `put` of `{}` under a key of its own, unless overridden. Ids are
 * unique; versions grow with every call, also from one run of the process to the next.
 */
export function makeRecord<P = unknown>(overrides: Partial<WalRecord<P>> = {}): WalRecord<P> {
  const record = { ...freshFields(), op: 'put', payload: {}, ...overrides }
  return record as WalRecord<P>
}

/** A record as queues carry it: a `put` of a few bytes under a key of its own, unless overridden. */
export function makeStoredRecord(overrides: Partial<StoredRecord> = {}): StoredRecord {
  return { ...freshFields(), op: 'put', payload: new TextEncoder().encode('{}'), ...overrides }
}

/** A dead letter of `makeStoredRecord()` at the target `"target"`, unless overridden. */
export function makeDeadLetter(overrides: Partial<StoredDeadLetter> = {}): StoredDeadLetter {
  const record = overrides.record ?? makeStoredRecord()
  const target = overrides.target ?? 'target'
  const at = overrides.at ?? systemClock.now()
  const attempt: Attempt = {
    at,
    durationMs: 3,
    target,
    class: 'permanent',
    code: overrides.code ?? 'REFUSED',
    message: overrides.message ?? 'The target refused it.',
  }
  const { code, message } = attempt
  const id = deadLetterId(record, target)
  return {
    id,
    record,
    target,
    at,
    code,
    message,
    attemptsSpent: 1,
    attempts: [attempt],
    ...overrides,
  }
}

function freshFields() {
  const now = systemClock.now()
  const id = ids.next(now)
  lastVersion = maxOf(lastVersion + 16n, BigInt(now) * 1000n - ((BigInt(now) * 1000n) % 16n))
  return {
    id,
    namespace: 'test',
    key: `key-${id}`,
    headers: {},
    writtenAt: now,
    dueAt: undefined,
    version: lastVersion,
    origin: 'local',
    target: undefined,
    transaction: undefined,
    attemptEpoch: 0,
    traceContext: undefined,
    encryptionKeyId: undefined,
  }
}

function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
