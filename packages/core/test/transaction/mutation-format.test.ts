import { expect, it } from 'vitest'
import { makeStoredRecord } from '../../src/testing/make-record.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { ChunkWriter, lotsIn } from '../../src/transaction/mutation-format.ts'

const random = new SeededRandom(Number(process.env['DAYBOOK_SEED']))

it.each([1, 2, 3, 5, 64, 300, 1_000, 1e6])(
  'mutations are the same again wherever a chunk ends, such as after every %i bytes',
  async (chunkBytes) => {
    const writer = new ChunkWriter()
    const written = Array.from({ length: 40 }, (_, index) =>
      makeStoredRecord({
        payload: new Uint8Array(Math.floor(random.next() ** 3 * 2_000)).fill(index),
        transaction: { id: '019ab3f0-0000-7000-8000-000000000001', index },
      }),
    )
    for (const mutation of written) writer.add(mutation)
    const bytes = writer.end() as Uint8Array
    const chunks: Uint8Array[] = []
    for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
      chunks.push(bytes.slice(at, at + chunkBytes))
    }
    const read: unknown[] = []
    for await (const lot of lotsIn(chunks)) {
      for (const { transaction, payload } of lot)
        read.push([transaction?.index, payload?.length, payload?.[0]])
    }
    expect(read).toEqual(
      written.map(({ payload }, index) => [index, payload?.length, payload?.[0]]),
    )
  },
)
