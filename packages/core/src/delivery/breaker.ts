/** Whether records go to the target. */
export type BreakerState = 'closed' | 'open' | 'half-open'
