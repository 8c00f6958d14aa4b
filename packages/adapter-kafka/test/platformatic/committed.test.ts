import { expect, test } from 'vitest'
import { committedOf, type TransactionBatch } from '../../src/platformatic/committed.ts'

/** A batch of one message: `-` in no transaction, `t` in one; `c` and `a` are the marks of its end. */
function batchesOf(...texts: readonly string[]): readonly TransactionBatch[] {
  return texts.map((text, at) => {
    const [kind, producer] = [text[0], BigInt(text[1] ?? 0)]
    const attributes = { '-': 0, t: 0b1_0000, a: 0b11_0000, c: 0b11_0000 }[kind ?? ''] ?? 0
    const key = Buffer.from([0, 0, 0, kind === 'a' ? 0 : 1])
    const records = [{ key }]
    return {
      attributes,
      producerId: producer,
      firstOffset: BigInt(at),
      lastOffsetDelta: 0,
      records,
    }
  })
}

/** Offsets of the batches that are left, where transactions of these producers at these offsets were aborted. */
function left(texts: readonly string[], ...aborted: readonly (readonly [bigint, bigint])[]) {
  const named = aborted.map(([producerId, firstOffset]) => ({ producerId, firstOffset }))
  return committedOf(batchesOf(...texts), named).map(({ firstOffset }) => Number(firstOffset))
}

test('of several transactions of one producer those are left out that were aborted', () => {
  const texts = ['t1', 'a1', 't1', 'c1', 't1', 'a1', 't1', 'c1', '-1']
  expect(left(texts, [1n, 0n], [1n, 4n])).toEqual([2, 6, 8])
})

test('what an aborted transaction wrote is left out also where its end has not come along', () => {
  expect(left(['-0', 't1', 't2', 't1', '-0'], [1n, 1n])).toEqual([0, 2, 4])
})

test('an abort of one producer takes nothing from another one whose transaction was open meanwhile', () => {
  expect(left(['t1', 't2', 'a1', 't2', 'c2', 't1', 'c1'], [1n, 0n])).toEqual([1, 3, 5])
})
