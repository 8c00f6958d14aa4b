/** How long, and what for, a drain waits. */
export interface DrainTargetOptions {
  /** Longest wait in ms; undefined for none. */
  readonly timeoutMs?: number | undefined
  /** Ends the wait; the report then says what is still pending. */
  readonly signal?: AbortSignal | undefined
  /** True: delayed records are waited for too. */
  readonly includeDelayed: boolean
}

/** What became of the records that were in the queue when the drain began. */
export interface DrainReport {
  readonly applied: number
  readonly superseded: number
  /** Now in the dead-letter queue. */
  readonly dead: number
  /** Dropped under `deadLetters: 'off'`. */
  readonly lost: number
  /** Waiting behind a dead letter of their key. */
  readonly blocked: number
  /** Neither of these yet: the time was up or the signal aborted. 0 when everything was settled. */
  readonly pending: number
}
