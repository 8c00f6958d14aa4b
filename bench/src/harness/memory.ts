import { setTimeout as sleep } from 'node:timers/promises'

/** What this process holds, in bytes. */
export interface Memory {
  /** Resident in the machine's memory: all of it, code and stacks too. */
  readonly rssBytes: number
  /** JavaScript's objects. */
  readonly heapBytes: number
  /** Buffers outside of that heap. */
  readonly buffersBytes: number
}

/** Collections in a row: what one frees lets the next free more, and give pages back. */
const collections = 4

/** Time for the collector's own threads to give pages back to the system, in ms. */
const restMs = 250

/** What is held once the garbage is gone. Needs `--expose-gc`, which {@link inChild} gives. */
export async function settledMemory(): Promise<Memory> {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('memory can be measured only under --expose-gc')
  for (let index = 0; index < collections; index += 1) {
    await gc({ type: 'major', execution: 'async', flavor: 'last-resort' })
    await sleep(restMs)
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rssBytes: rss, heapBytes: heapUsed, buffersBytes: external }
}

/** How much more one holds than the other, in bytes. */
export function growth(from: Memory, to: Memory): Memory {
  return {
    rssBytes: to.rssBytes - from.rssBytes,
    heapBytes: to.heapBytes - from.heapBytes,
    buffersBytes: to.buffersBytes - from.buffersBytes,
  }
}
