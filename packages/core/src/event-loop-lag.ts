import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import type { Clock, Timer } from './clock.ts'

export interface EventLoopWatch {
  /** The longest the event loop was held up in the last full period, in ms. */
  readonly lagMs: number
  stop(): void
}

const periodMs = 1000

/** One event loop serves every namespace and shard: a lag is everybody's. */
const reportedLagMs = 200

/** The histogram wakes the process this often; its values contain one such interval, in ms. */
const resolutionMs = 20

/** A period with less work than this is idle, and so can hold no lag worth telling of, in ms. */
const idleMs = 10

/**
 * Watches the event loop, and calls back for each second in which it was held up for long.
 *
 * The histogram that tells it exactly wakes the process fifty times a second, so it rests while the
 * loop is idle. What holds up the loop in the very second in which it ceases to be idle is then
 * seen only as far as it makes the watch itself late: that may be too little, but never too much.
 */
export function watchEventLoop(clock: Clock, onLag: (lagMs: number) => void): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
  histogram.enable()
  let isExact = true
  let lagMs = 0
  let timer: Timer
  let dueAt = 0
  let used = performance.eventLoopUtilization()

  const longestLag = (): number =>
    isExact ? histogram.max / 1e6 - resolutionMs : clock.monotonic() - dueAt
  const isBusy = (): boolean => {
    const before = used
    used = performance.eventLoopUtilization()
    return performance.eventLoopUtilization(used, before).active >= idleMs
  }
  const look = (): void => {
    lagMs = Math.max(0, longestLag())
    histogram.reset()
    isExact = isBusy()
    if (isExact) histogram.enable()
    else histogram.disable()
    if (lagMs >= reportedLagMs) onLag(lagMs)
    arm()
  }
  const arm = (): void => {
    dueAt = clock.monotonic() + periodMs
    timer = clock.setTimer(periodMs, look, { unref: true })
  }
  arm()
  return {
    get lagMs() {
      return lagMs
    },
    stop() {
      timer.cancel()
      histogram.disable()
    },
  }
}
