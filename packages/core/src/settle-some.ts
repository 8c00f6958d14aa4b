/**
 * Runs the work on every item, so many at a time, and answers what became of each, in the order of
 * the items. Once one has failed no further one is begun; the answer is then the shorter.
 */
export async function settleSome<T, R>(
  atOnce: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly PromiseSettledResult<R>[]> {
  const results: PromiseSettledResult<R>[] = []
  let next = 0
  let failed = false
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const index = next++
      const [result] = await Promise.allSettled([(async () => work(items[index] as T))()])
      failed ||= result.status === 'rejected'
      results[index] = result
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  return results
}
