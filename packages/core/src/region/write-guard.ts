import type { ResolvedReplication } from '../config/replication.ts'
import { WalError } from '../errors.ts'
import type { Op } from '../record.ts'
import type { VersionClock } from '../version.ts'
import type { ClockWatch } from './clock-watch.ts'
import { patchRefusal } from './patches.ts'

export interface WriteGuardOptions {
  readonly namespace: string
  readonly settings: ResolvedReplication
  readonly versions: VersionClock
  readonly watch: ClockWatch
  /** See `patchlessTarget`. */
  readonly patchless: string | undefined
}

/** As much of a write as is looked at. */
export interface GuardedWrite {
  readonly op?: Op | undefined
  readonly target?: string | undefined
  readonly key?: string | undefined
  readonly after?: bigint | undefined
  readonly version?: bigint | undefined
}

/**
 * Refuses writes with which regions might not come to the same: those of a clock that is off, those with
 * versions that are another region's, those for one target, and patches where a store cannot merge them.
 */
export class WriteGuard {
  readonly #options: WriteGuardOptions

  constructor(options: WriteGuardOptions) {
    this.#options = options
  }

  /** Throws `ERR_CLOCK_DRIFT`, or `ERR_INVALID_RECORD` for what no region may write. */
  check(write: GuardedWrite, now: number): void {
    const { namespace, settings, versions, patchless } = this.#options
    const { key, after, version, target } = write
    const { region, maxDriftMs } = settings
    if (version !== undefined && Number(version & 15n) !== region.number) {
      throw new WalError(
        'ERR_INVALID_RECORD',
        `A write into namespace '${namespace}' has version ${version}, which region ${region.name} (${region.number}) ` +
          'has not given out: its low 4 bits are the number of another one. Give a version only with the receipt it is from',
      )
    }
    if (target !== undefined) {
      throw new WalError(
        'ERR_INVALID_RECORD',
        `A write into namespace '${namespace}' is for target '${target}' alone: it would be in one region only, and the namespace is ` +
          'replicated. Write it for all targets, or into a namespace that is not replicated',
      )
    }
    const refusal = patchRefusal(write, namespace, patchless)
    if (refusal !== undefined) throw refusal
    const aheadMs =
      version === undefined
        ? versions.aheadMs(key, now, after)
        : Math.floor(Number(version) / 1000 - now)
    if (aheadMs > maxDriftMs) {
      throw this.#refusal(
        `its version would be ${aheadMs} ms ahead of this machine's clock, and the most is ${maxDriftMs} ms (maxDrift): the ` +
          'clock was set back, or `after` is far ahead',
      )
    }
    this.#checkClock()
  }

  #checkClock(): void {
    const { watch, settings } = this.#options
    if (watch.isQuiet) return
    const drift = watch.drift()
    if (drift === undefined) return
    throw this.#refusal(
      `most regions find this machine's clock ${drift} by more than ${settings.maxDriftMs} ms (maxDrift)`,
    )
  }

  #refusal(reason: string): WalError {
    const { namespace } = this.#options
    return new WalError(
      'ERR_CLOCK_DRIFT',
      `A write into namespace '${namespace}' is refused: ${reason}. Nothing was stored. Set the clock right; then try again`,
      { retryable: true },
    )
  }
}
