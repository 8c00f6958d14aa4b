import { expect, it } from 'vitest'
import { PayloadCopies } from '../../../src/queue/file/payload-copies.ts'

const kib = 1024

/** Payloads of these sizes in a buffer, ten other bytes before each, and where each begins. */
function fill(buffer: Buffer, sizes: readonly number[], letter: string) {
  let at = 0
  return sizes.map((size, index) => {
    at += 10
    const start = at
    at += size
    buffer.fill(`${letter}${index} `, start, at)
    return { start, end: at, text: buffer.toString('latin1', start, at) }
  })
}

function textOf(payload: Uint8Array): string {
  return Buffer.from(payload).toString('latin1')
}

it('what was taken out of a buffer stays as it is while the buffer is used again', () => {
  const buffer = Buffer.alloc(64 * kib)
  const copies = new PayloadCopies()
  const sizes = [100, 3 * kib, 0, 4 * kib, 1, 20 * kib, 3 * kib, 3 * kib, 3 * kib, 500]
  const taken: { readonly text: string; readonly payload: Uint8Array }[] = []
  for (const letter of ['a', 'b', 'c']) {
    const places = fill(buffer, sizes, letter)
    copies.begin(places.at(-1)?.end ?? 0)
    for (const { start, end, text } of places) {
      taken.push({ text, payload: copies.take(buffer, start, end) })
    }
  }
  expect(taken.map(({ payload }) => textOf(payload))).toEqual(taken.map(({ text }) => text))
})

it('small payloads share memory that nobody can empty by a transfer, large ones have their own', () => {
  const buffer = Buffer.alloc(64 * kib)
  const copies = new PayloadCopies()
  const places = fill(buffer, [kib, 5 * kib, ...new Array<number>(30).fill(kib)], 'p')
  copies.begin(places.at(-1)?.end ?? 0)
  const payloads = places.map(({ start, end }) => copies.take(buffer, start, end))
  const [first, large, second] = payloads.map((payload) => payload.buffer as ArrayBuffer)
  expect(second).toBe(first)
  expect(first?.byteLength).toBe(16 * kib)
  expect(large).not.toBe(first)
  expect(() => structuredClone(first, { transfer: [first as ArrayBuffer] })).toThrow(/transfer/)
  expect(payloads.map(textOf)).toEqual(places.map(({ text }) => text))
})

it('no memory is shared beyond what the buffer holds', () => {
  const copies = new PayloadCopies()
  copies.begin(300)
  const payload = copies.take(Buffer.alloc(64 * kib), 100, 200)
  expect(payload.buffer.byteLength).toBe(200)
})
