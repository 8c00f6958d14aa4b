/**
 * Does every step in turn, whatever becomes of the others, and then rejects with the first failure,
 * if any: one part that cannot be closed must not keep the rest open.
 */
export async function closeAll(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
