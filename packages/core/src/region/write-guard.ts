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
    if (aheadMs > maxDriftMs) throw this.#tooFarAhead(aheadMs, now)
    this.#checkClock()
  }

  /** Nobody can say which clock was wrong when a version was given out: this one may be right now. */
  #tooFarAhead(aheadMs: number, now: number): WalError {
    const { versions, settings } = this.#options
    const { maxDriftMs } = settings
    const fact = `its version would be ${aheadMs} ms ahead of this machine's clock, and the most is ${maxDriftMs} ms (maxDrift)`
    const floorAheadMs = Math.floor(Number(versions.floor) / 1000 - now)
    if (floorAheadMs <= maxDriftMs) {
      return this.#refusal(
        `${fact}: the clock was set back, or \`after\` is far ahead, or the key was written while the clock was ahead. Such ` +
          `a version is taken from ${instant(now + aheadMs - maxDriftMs)} on`,
        'If the clock is wrong, set it right; then try again',
      )
    }
    return this.#refusal(
      `${fact}: the log held a version of ${instant(now + floorAheadMs)} when it was opened, which may be that of any key, and none may go ` +
        `back. Writes are taken from ${instant(now + floorAheadMs - maxDriftMs)} on`,
      'The clock may be right now, and have been ahead when that was written; if it is wrong, set it right',
    )
  }

  #checkClock(): void {
    const { watch, settings } = this.#options
    if (watch.isQuiet) return
    const drift = watch.drift()
    if (drift === undefined) return
    throw this.#refusal(
      `most regions find this machine's clock ${drift} by more than ${settings.maxDriftMs} ms (maxDrift)`,
      'Set the clock right; then try again',
    )
  }

  #refusal(reason: string, advice: string): WalError {
    const { namespace } = this.#options
    return new WalError(
      'ERR_CLOCK_DRIFT',
      `A write into namespace '${namespace}' is refused: ${reason}. Nothing was stored. ${advice}`,
      { retryable: true },
    )
  }
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
