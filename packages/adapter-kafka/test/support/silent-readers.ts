import type { KafkaClient, KafkaEntry, KafkaReader } from '../../src/index.ts'

/** A client whose first readers hear nothing, and whose later ones are given these entries. */
export function silentAtFirst(silent: number, entries: readonly KafkaEntry[]) {
  const counts = { opened: 0, closed: 0 }
  const client = {
    async reader(): Promise<KafkaReader> {
      const isSilent = counts.opened++ < silent
      return {
        async *read(_, from, to) {
          if (isSilent) await new Promise(() => {})
          yield entries.filter(({ offset }) => offset >= from && offset < to)
        },
        async close() {
          counts.closed++
        },
      }
    },
  } as Partial<KafkaClient> as KafkaClient
  return { client, counts }
}
