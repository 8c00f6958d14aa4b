import { removeWhatComes } from './removal.ts'

/** Vitest's global set-up: whatever servers the tests start are gone after the run. */
export function setup(): () => Promise<void> {
  return removeWhatComes()
}
