/**
 * Runs `each` on every item, so many at once, and answers the results in the items' order. After a
 * failure no further one is begun; it rejects with the first failure once all that were are done.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  atOnce: number,
  each: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  const rest = items.entries()
  let failed = false
  const worker = async (): Promise<void> => {
    for (const [index, item] of rest) {
      try {
        results[index] = await each(item)
      } catch (error) {
        failed = true
        throw error
      }
      if (failed) return
    }
  }
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, worker)
  const failure = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected')
  if (failure !== undefined) throw (failure as PromiseRejectedResult).reason
  return results
}
