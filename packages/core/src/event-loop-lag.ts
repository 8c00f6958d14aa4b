import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock, Timer } from './clock.ts'

export interface EventLoopWatch {
  /** The longest the event loop was held up in the last full period, in ms. */
  readonly lagMs: number
  stop(): void
}

const periodMs = 1000

/** One event loop serves every namespace and shard: a lag is everybody's. */
const reportedLagMs = 200

/** Watches the event loop, and calls back for each second in which it was held up for long. */
export function watchEventLoop(clock: Clock, onLag: (lagMs: number) => void): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: 20 })
  histogram.enable()
  let lagMs = 0
  let timer: Timer
  const look = (): void => {
    lagMs = histogram.count === 0 ? 0 : histogram.max / 1e6
    histogram.reset()
    if (lagMs >= reportedLagMs) onLag(lagMs)
    timer = clock.setTimer(periodMs, look, { unref: true })
  }
  timer = clock.setTimer(periodMs, look, { unref: true })
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
