import type { Place, Server } from './server.ts'

/** What runs a server: the system's processes, or Docker. */
export interface Runner {
  /** Starts it on the data that it has, and does not wait until it answers. */
  start(server: Server, place: Place): Promise<void>
  isRunning(place: Place): boolean
  isPaused(place: Place): boolean
  /** An orderly end; after the limit a kill. */
  stop(place: Place, limitMs: number): Promise<void>
  /** An end at once (SIGKILL). Resolves when it is gone. */
  kill(place: Place): Promise<void>
  /** Stops it in its tracks: connections stay, nothing is answered. */
  pause(place: Place): void
  resume(place: Place): void
  /** What it printed since its first start. */
  log(place: Place): string
  /** Takes its data away. It does not run. */
  clear(place: Place): void
  /** Takes away what is left of it, data too. It does not run. */
  remove(place: Place): void
}
