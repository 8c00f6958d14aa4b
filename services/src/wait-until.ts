import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Asks until the answer is yes. A question that throws has ended: its error is thrown.
 *
 * @returns false if the time was over first
 */
export async function waitUntil(
  isSo: () => boolean | Promise<boolean>,
  limitMs: number,
  pauseMs = 100,
): Promise<boolean> {
  const deadline = performance.now() + limitMs
  for (;;) {
    if (await isSo()) return true
    if (performance.now() >= deadline) return false
    await sleep(pauseMs)
  }
}
