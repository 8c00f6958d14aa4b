import type { BrokerRound } from './turns.ts'

/** Measures a round from the first to the last of what counts, with the processor time it took. */
export class Stopwatch {
  #startedAt = 0
  #cpuBefore = process.cpuUsage()

  start(): void {
    this.#startedAt = performance.now()
    this.#cpuBefore = process.cpuUsage()
  }

  /** What so many records came to, in so many calls. */
  stop(records: number, calls?: number): BrokerRound {
    const elapsedMs = performance.now() - this.#startedAt
    const { user, system } = process.cpuUsage(this.#cpuBefore)
    return {
      recordsPerSecond: (records / elapsedMs) * 1000,
      cpuMicros: (user + system) / records,
      batchRecords: calls === undefined ? undefined : records / Math.max(1, calls),
    }
  }
}
