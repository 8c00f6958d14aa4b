import { sleep, systemClock } from '../../clock.ts'
import { systemRandom } from '../../random.ts'
import type { Op, WalRecord } from '../../record.ts'
import type { Outcome, Target } from '../../target/target.ts'
import { brief, check, checkEqual, fail, within } from '../check.ts'
import { makeRecord } from '../make-record.ts'
import type { TargetConformanceOptions, TargetSubject } from '../target-conformance.ts'

/** One demand of the target suite. */
export interface TargetCase {
  readonly name: string
  run(fixture: TargetFixture): Promise<void>
}

/** Keys that break careless escaping. */
const trickyKeys = [
  'Ærø/ø?',
  '日本語',
  '👩‍👩‍👧',
  " ' OR 1=1 --",
  '"quoted"',
  '..',
  '%2e',
  '__proto__',
]

/** What the cases need beside a store. */
export class TargetFixture {
  readonly options: TargetConformanceOptions<unknown>
  readonly patienceMs: number
  readonly seed: number
  readonly keys: readonly string[]
  readonly highestVersion: bigint

  constructor(options: TargetConformanceOptions<unknown>) {
    this.options = options
    this.patienceMs = options.patienceMs ?? 5_000
    this.seed = options.seed ?? Math.floor(systemRandom.next() * 2 ** 31)
    this.keys = options.keys ?? trickyKeys
    this.highestVersion = options.highestVersion ?? 2n ** 63n - 1n
  }

  /** A version as high as it can be with many above it, where a double is not exact if it may be so high. */
  get highVersion(): bigint {
    const below = this.highestVersion - 1_000_000n
    return below < 2n ** 60n ? below : 2n ** 60n
  }

  /** Gives `run` a target that is open and empty. */
  async withStore(run: (store: TargetStore) => Promise<void>): Promise<void> {
    const subject = await this.options.create()
    const store = new TargetStore(this, subject)
    try {
      await subject.target.open?.()
      await run(store)
    } finally {
      await subject.target.close?.()
      await subject.dispose?.()
    }
  }

  /** A change with the payload its op takes. */
  change(op: Op, key: string, number: number, overrides: Partial<WalRecord> = {}): WalRecord {
    return makeRecord({
      op,
      key,
      payload: this.#payload(op, key, number),
      ...overrides,
    } as Partial<WalRecord>)
  }

  #payload(op: Op, key: string, number: number): unknown {
    if (op === 'put') return this.options.put(key, number)
    if (op === 'delete') return this.options.delete?.(key)
    return this.options.patch
      ? this.options.patch(key, number)
      : fail('Options of targetConformance', "give `patch`, for the target's ops hold 'patch'")
  }
}

/** One target and its store. */
export class TargetStore {
  readonly subject: TargetSubject<unknown>
  readonly #fixture: TargetFixture

  constructor(fixture: TargetFixture, subject: TargetSubject<unknown>) {
    this.#fixture = fixture
    this.subject = subject
  }

  get target(): Target {
    return this.subject.target
  }

  takes(op: Op): boolean {
    return (this.target.ops ?? ['put', 'patch', 'delete']).includes(op)
  }

  /** One call of `apply` in good time: one sound outcome for each record, or a rejection. */
  applyOnce(records: readonly WalRecord[]): Promise<readonly Outcome[]> {
    const { signal } = new AbortController()
    const applying = this.startApply(records, signal)
    return within(this.#fixture.patienceMs, applying, 'Target.apply settles')
  }

  /** One call of `apply`, for a case that says itself when it has to settle. */
  async startApply(
    records: readonly WalRecord[],
    signal: AbortSignal,
  ): Promise<readonly Outcome[]> {
    const outcomes = await this.target.apply(records, {
      namespace: 'conformance',
      target: 'target',
      signal,
      attempts: records.map(() => 1),
    })
    return checkOutcomes(outcomes ?? records.map(() => ({ status: 'applied' })), records.length)
  }

  /** Applies and insists on success; what a busy store puts off is tried again, as core does. */
  async apply(...records: readonly WalRecord[]): Promise<readonly Outcome[]> {
    const outcomes = [...(await this.#applySound(records))]
    for (let round = 0; round < 5; round++) {
      const again = records.filter((_, at) => isPutOff(outcomes[at]))
      if (again.length === 0) break
      await sleep(systemClock, 50 * (round + 1))
      const later = [...(await this.#applySound(again))]
      for (const [at, outcome] of outcomes.entries()) {
        if (isPutOff(outcome)) outcomes[at] = later.shift() ?? outcome
      }
    }
    const failed = outcomes.find(({ status }) => status !== 'applied' && status !== 'superseded')
    check(
      failed === undefined,
      'Target.apply applies a record that nothing is wrong with',
      brief(failed),
    )
    return outcomes
  }

  async checkHolds(key: string, expected: unknown, contract: string): Promise<void> {
    checkEqual(await this.subject.read(key), expected, `${contract} (key ${JSON.stringify(key)})`)
  }

  async #applySound(records: readonly WalRecord[]): Promise<readonly Outcome[]> {
    return this.applyOnce(records).catch((error: unknown) =>
      fail('Target.apply resolves where nothing is wrong with the batch', brief(error)),
    )
  }
}

function isPutOff(outcome: Outcome | undefined): boolean {
  return ['transient', 'throttled', 'unavailable', 'held'].includes(outcome?.status ?? '')
}

const statuses = [
  ...['applied', 'superseded', 'permanent'],
  ...['transient', 'throttled', 'unavailable', 'held'],
]

function checkOutcomes(outcomes: readonly Outcome[], count: number): readonly Outcome[] {
  const counted = Array.isArray(outcomes) && outcomes.length === count
  const perRecord = 'Target.apply resolves with one outcome per record, or undefined'
  check(counted, perRecord, `${brief(outcomes)} for ${count} records`)
  for (const outcome of outcomes) {
    check(
      statuses.includes(outcome?.status),
      `An outcome's status is one of ${statuses}`,
      brief(outcome),
    )
    if (outcome.status === 'applied' || outcome.status === 'superseded') continue
    const { code, message } = outcome
    const reasoned = typeof code === 'string' && code !== '' && typeof message === 'string'
    check(reasoned, 'A failure outcome carries a code and a message', brief(outcome))
  }
  return outcomes
}

/** What a store holds of a key once the changes were applied in the order of their versions. */
export function stateOf(
  records: readonly WalRecord[],
  patchOfNothing: 'row' | 'nothing' = 'row',
): unknown {
  const inOrder = [...records].sort((a, b) => (a.version < b.version ? -1 : 1))
  return inOrder.reduce<unknown>((state, { op, payload }) => {
    if (op === 'put') return payload
    if (op === 'delete' || (state === undefined && patchOfNothing === 'nothing')) return undefined
    return { ...(state as object), ...(payload as object) }
  }, undefined)
}
