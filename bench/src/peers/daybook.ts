import { bytesCodec, createWal, defineTarget, type } from '@daybook/core'
import { cycle } from '../harness/cycle.ts'
import { runWriters } from '../harness/writers.ts'
import type { Contestant } from './contestant.ts'
import { makeKeys, makeTitles, type Title } from './payloads.ts'

const distinctKeys = 10_000
const nothing = defineTarget(async () => {})

/** Ours, as a user meets it: `namespace.write` with a key and bytes, awaited. */
export const daybookBytes: Contestant = {
  name: 'daybook bytes',
  async run({ directory, meter, payloadBytes, writers }) {
    const wal = await openForBytes(directory)
    const bench = wal.namespace('bench')
    const payload = new Uint8Array(payloadBytes).fill(7)
    const nextKey = cycle(makeKeys(distinctKeys))
    try {
      return await runWriters(writers, meter, () => bench.write({ key: nextKey(), payload }))
    } finally {
      await wal.close()
    }
  },
}

/** The same with objects of the same length in JSON, the default codec. */
export const daybookJson: Contestant = {
  name: 'daybook json',
  async run({ directory, meter, payloadBytes, writers }) {
    const wal = await createWal({
      directory,
      namespaces: { bench: { payload: type<Title>(), targets: { nothing } } },
    })
    const bench = wal.namespace('bench')
    const nextTitle = cycle(makeTitles(1000, payloadBytes))
    const nextKey = cycle(makeKeys(distinctKeys))
    try {
      return await runWriters(writers, meter, () =>
        bench.write({ key: nextKey(), payload: nextTitle() }),
      )
    } finally {
      await wal.close()
    }
  },
}

/** Ours in batches: each writer calls `namespace.writeMany` with so many records, awaits, again. */
export function daybookMany(batchRecords: number): Contestant {
  return {
    name: `daybook writeMany(${batchRecords})`,
    async run({ directory, meter, payloadBytes, writers }) {
      const wal = await openForBytes(directory)
      const bench = wal.namespace('bench')
      const payload = new Uint8Array(payloadBytes).fill(7)
      const nextKey = cycle(makeKeys(distinctKeys))
      const batch = () => Array.from({ length: batchRecords }, () => ({ key: nextKey(), payload }))
      try {
        return await runWriters(writers, meter, () => bench.writeMany(batch()), batchRecords)
      } finally {
        await wal.close()
      }
    },
  }
}

function openForBytes(directory: string) {
  return createWal({
    directory,
    namespaces: { bench: { codec: bytesCodec, targets: { nothing } } },
  })
}
