import { setTimeout as sleep } from 'node:timers/promises'
import { bytesCodec, createWal, defineTarget } from '@daybook/core'
import { cycle } from '../harness/cycle.ts'
import { makeKeys } from '../peers/payloads.ts'

export interface LaggingLogOptions {
  readonly directory: string
  readonly payloadBytes: number
  /** How many records the slow target takes in a second. */
  readonly slowPerSecond: number
}

const distinctKeys = 10_000

/** A log with a target that takes records at once and, if so wished, one that takes its time. */
export async function openLaggingLog(options: LaggingLogOptions, withSlow: boolean) {
  let slowApplied = 0
  const pace = paceOf(options.slowPerSecond)
  const quick = defineTarget<Uint8Array>(async () => {})
  const slow = defineTarget<Uint8Array>(async (records) => {
    await pace(records.length)
    slowApplied += records.length
  })
  const wal = await createWal({
    directory: options.directory,
    namespaces: {
      bench: {
        codec: bytesCodec,
        targets: withSlow ? { quick, slow } : { quick },
        // The slow target is left out of some rounds, and must find its records in the next.
        retention: { bytes: 'unlimited' },
      },
    },
  })
  const bench = wal.namespace('bench')
  const nextKey = cycle(makeKeys(distinctKeys))
  const payload = new Uint8Array(options.payloadBytes).fill(7)
  return {
    wal,
    write: () => bench.write({ key: nextKey(), payload }),
    slowApplied: () => slowApplied,
    /** Resolves once the quick target has had all that is written. */
    async quickIsDone(): Promise<void> {
      for (;;) {
        const { targets } = await bench.status()
        if (targets.quick?.delivery?.pending === 0) return
        await sleep(20)
      }
    },
  }
}

/** Lets so many records a second pass, whoever asks: each waits behind those who asked before. */
function paceOf(perSecond: number): (records: number) => Promise<void> {
  let freeAt = 0
  return async (records) => {
    const now = performance.now()
    freeAt = Math.max(now, freeAt) + (records / perSecond) * 1000
    await sleep(freeAt - now)
  }
}
