/** Set on batches of a transaction. */
const transactional = 0b1_0000

/** Set on batches that hold the marks of transactions, and no messages. */
const control = 0b10_0000

/** What is looked at of a batch. */
export interface TransactionBatch {
  readonly attributes: number
  readonly producerId: bigint
  readonly firstOffset: bigint
  readonly lastOffsetDelta: number
  readonly records: readonly { readonly key: Buffer | null }[]
}

/** Where a transaction that was aborted begins. Its end is a mark among the batches. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/**
 * The batches with messages that count. The broker hands out those of aborted transactions too, and names
 * these. The client takes out only those of which the mark has come along, and of each producer's one.
 */
export function committedOf<Batch extends TransactionBatch>(
  batches: readonly Batch[],
  aborted: readonly AbortedTransaction[],
): readonly Batch[] {
  const ahead = [...aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset))
  const open = new Set<bigint>()
  return batches.filter((batch) => {
    const { attributes, producerId, firstOffset, lastOffsetDelta, records } = batch
    const last = firstOffset + BigInt(lastOffsetDelta)
    for (let next = ahead[0]; next !== undefined && next.firstOffset <= last; next = ahead[0]) {
      open.add(next.producerId)
      ahead.shift()
    }
    if ((attributes & control) !== 0) {
      if (isAbort(records[0]?.key)) open.delete(producerId)
      return false
    }
    return (attributes & transactional) === 0 || !open.has(producerId)
  })
}

/** A mark's key is a version and a kind, of two bytes each; the kind 0 aborts. */
function isAbort(key: Buffer | null | undefined): boolean {
  return key != null && key.length >= 4 && key.readInt16BE(2) === 0
}
