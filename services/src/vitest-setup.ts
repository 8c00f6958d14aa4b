import { removeWhatComes } from './removal.ts'

/**
 * Vitest's global set-up: whatever servers the tests start are gone after the run, unless who started
 * it says that others run beside it, and removes them itself.
 */
export function setup(): () => Promise<void> {
  const isKept = process.env['DAYBOOK_KEEP_SERVERS'] === '1'
  return isKept ? async () => {} : removeWhatComes()
}
