import type { Target } from '../target/target.ts'
import { runWithin } from './check.ts'
import type { ConformanceCase } from './conformance-case.ts'
import { abortCases } from './target-cases/abort-cases.ts'
import { applyCases } from './target-cases/apply-cases.ts'
import { historyCases } from './target-cases/history-cases.ts'
import { offeredCases } from './target-cases/offered-cases.ts'
import { outcomeCases } from './target-cases/outcome-cases.ts'
import { repeatCases } from './target-cases/repeat-cases.ts'
import { type TargetCase, TargetFixture } from './target-cases/target-fixture.ts'

/** A target over an empty store of its own, for one case. */
export interface TargetSubject<P> {
  readonly target: Target<P>
  /**
   * What the store holds for the key, in the shape of a payload; undefined for nothing. Sees all
   * that was applied before, so refresh first where a store needs that.
   */
  read(key: string): Promise<unknown>
  /** Makes the store stop answering until the function it resolves with is called. */
  stall?(): Promise<() => void | Promise<void>>
  /** Frees what the case used. */
  dispose?(): void | Promise<void>
}

/** What {@link targetConformance} needs to know of the implementation under test. */
export interface TargetConformanceOptions<P> {
  /** Called once for every case, for the random ones once for every run. */
  create(): TargetSubject<P> | Promise<TargetSubject<P>>
  /** A payload for a `put` of the key; another one for every number. */
  put(key: string, number: number): P
  /**
   * A payload for a `patch`: some fields only. Needed unless the target's `ops` leave patches out; if given all the same,
   * the target is held to refuse it.
   */
  readonly patch?: (key: string, number: number) => Partial<P>
  /** The payload of a `delete`; default none. */
  readonly delete?: (key: string) => Partial<P> | undefined
  /** A payload that the store will never take. */
  readonly refused?: (key: string) => P
  /** Keys to try beside plain ones; default some that break careless escaping. */
  readonly keys?: readonly string[]
  /**
   * True if patches may come in any order, as where a store keeps a version for each field. Default
   * false: a patch older than the row changes nothing.
   */
  readonly patchesCommute?: boolean
  /**
   * What comes of a patch where, by the versions, there is no row: `'row'`, one that has the fields of the patch alone;
   * `'nothing'`, none. Needed for histories in which deletes come before patches, and patches before the first put;
   * default without these.
   */
  readonly patchOfNothing?: 'row' | 'nothing'
  /**
   * The highest version it takes; default 2^63-1, what a store has to take. A target that passes records
   * on to a wal takes what a wal gives out: 2^53-1.
   */
  readonly highestVersion?: bigint
  /** How many random histories to run; default 20. */
  readonly runs?: number
  /** Starts the random cases; default a new one each time. It is printed with a failure. */
  readonly seed?: number
  /** How long to wait for an apply, in real ms; default 5,000. A whole case gets ten times that. */
  readonly patienceMs?: number
}

/**
 * What every target must do, one case per demand. How much depends on the `idempotency` it
 * declares: `'version'` is held to the same end state in any order and with any repeats, `'id'`
 * with repeats in order, `'none'` in order and once.
 */
export function targetConformance<P>(
  options: TargetConformanceOptions<P>,
): readonly ConformanceCase[] {
  const cases: TargetCase[] = [
    ...applyCases,
    ...repeatCases,
    ...historyCases,
    ...outcomeCases,
    ...abortCases,
    ...offeredCases,
  ]
  // The cases never look into a payload: they only pass on what the options make.
  const fixture = new TargetFixture(options as unknown as TargetConformanceOptions<unknown>)
  return cases.map(({ name, run }) => ({
    name,
    run: () => runWithin(fixture.patienceMs * 10, name, () => run(fixture)),
  }))
}
