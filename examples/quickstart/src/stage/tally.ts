import type { LoggedRecord, LogLine } from '../event-log.ts'
import { type ChangeName, changeName } from './check.ts'

type Fate = 'applied' | 'superseded' | 'dead'

/** What has become of the changes at one target, added up from the service's log lines. */
export class TargetTally {
  /** The latest word on each change; a redriven dead letter gets another. */
  readonly #fates = new Map<ChangeName, Fate>()
  /** Handed to the target again, although it had them already. */
  redelivered = 0
  /** Attempts that failed or were cut off by the kill, and were followed by another. */
  retried = 0
  /** The failed ones among them, per change. */
  readonly #failedAttempts = new Map<ChangeName, number>()
  paused = 0
  resumed = 0
  isPaused = false

  /** Attempts that a target's failures have cost; an outage costs none. */
  get failedAttempts(): number {
    return [...this.#failedAttempts.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Changes done with, one way or the other. */
  get settled(): number {
    return this.#fates.size
  }

  with(fate: Fate): ReadonlySet<ChangeName> {
    return new Set([...this.#fates].filter(([, its]) => its === fate).map(([name]) => name))
  }

  /**
   * Takes note of what the store holds, as found when the service had been killed: it may have
   * applied changes without living to say so.
   */
  foundApplied(names: ReadonlySet<ChangeName>): void {
    this.isPaused = false
    for (const name of names) this.#fates.set(name, this.#fates.get(name) ?? 'applied')
  }

  take(line: LogLine): void {
    if (line.event === 'applied' || line.event === 'superseded') {
      for (const record of line.records) this.#settle(record, line.event)
    } else if (line.event === 'deadLettered') {
      this.#settle(line.record, 'dead')
    } else if (line.event === 'retry') {
      const name = nameOf(line.record)
      this.retried += 1
      this.#failedAttempts.set(name, (this.#failedAttempts.get(name) ?? 0) + 1)
    } else if (line.event === 'recovered') {
      // Nobody could report the attempts that died with the process: they only show in the sum.
      this.retried += line.spent - (this.#failedAttempts.get(nameOf(line.record)) ?? 0)
    } else if (line.event === 'paused') {
      this.paused += 1
      this.isPaused = true
    } else if (line.event === 'resumed') {
      this.resumed += 1
      this.isPaused = false
    }
  }

  #settle(record: LoggedRecord, fate: Fate): void {
    const name = nameOf(record)
    const before = this.#fates.get(name)
    // A dead letter that was redriven comes back because it was asked to.
    if (before !== undefined && !(before === 'dead' && fate !== 'dead')) this.redelivered += 1
    // A repeated delivery does not change what became of the change the first time.
    if (before === undefined || before === 'dead') this.#fates.set(name, fate)
  }
}

function nameOf({ key, version }: LoggedRecord): ChangeName {
  return changeName(key, BigInt(version))
}
