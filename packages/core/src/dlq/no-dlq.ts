import type { DeadLetterQueue } from './dlq.ts'

/** What a namespace with `deadLetters: 'off'` shows: nothing is ever put here. */
export const noDeadLetterQueue: DeadLetterQueue = {
  put: () => Promise.reject(new TypeError("deadLetters is 'off'")),
  list: async () => ({ letters: [], next: undefined }),
  get: async () => undefined,
  remove: async () => 0,
  async *summaries() {},
  count: async () => new Map(),
  close: async () => {},
}
