import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for a condition; after `patienceMs`, a minute by default, fails with what it waited for. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  patienceMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain until ${what}`)
    await sleep(20)
  }
}
