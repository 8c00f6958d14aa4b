import type { StoredRecord } from '../../../src/record.ts'
import {
  type BrokenQueue,
  producerOver,
  recallOf,
  withConsumer,
  withProducer,
  withQueue,
  withRecall,
  withRecords,
} from './breakage.ts'

/** What may be wrong with delays, and with delayed records that are recalled. */
export const delayFlaws: readonly BrokenQueue[] = [
  {
    flaw: 'has a clock that is fast',
    create: withQueue((queue) => ({
      open: ({ clock, ...context }) =>
        queue.open({ ...context, clock: { ...clock, now: () => clock.now() + 7_200_000 } }),
    })),
    turnsRed: [
      'keeps a delayed record delayed over a reopening',
      'does not hand out a delayed record before it is due',
    ],
  },
  {
    flaw: 'trusts timers with any delay',
    create: withProducer((producer) => ({
      send: (records) =>
        producer.send(records.map((record) => ({ ...record, dueAt: wrapped(record) }))),
    })),
    turnsRed: [
      'refuses a delay longer than it declares, or is not early with it',
      'is not early with delays too long for a timer',
    ],
  },
  {
    flaw: 'holds up a key for a delayed record',
    create: withConsumer((consumer) => ({
      async pull(options) {
        const { delayed } = await consumer.backlog()
        return delayed > 0 ? [] : consumer.pull(options)
      },
    })),
    turnsRed: ['holds up nothing for a delayed record'],
  },
  {
    flaw: 'waits for a day where a delay is over',
    create: withRecords((record) => {
      const isOver = record.dueAt !== undefined && record.dueAt < Date.now()
      return isOver ? { ...record, dueAt: Date.now() + 86_400_000 } : record
    }),
    turnsRed: ['hands out a record due in the past at once'],
  },
  {
    flaw: 'holds back nothing that is recalled',
    create: withRecall(({ letGo }) => {
      letGo()
      return { letGo: () => {} }
    }),
    turnsRed: ['holds a recalled record back until it is let go'],
  },
  {
    flaw: 'forgets that a record was taken back',
    create: withRecall(({ letGo }) => ({ takeBack: async () => letGo() })),
    turnsRed: [
      'hands out no record that was taken back',
      'finds a delayed record that no consumer has come to',
      'hands out no record that was taken back before a crash',
      'counts a record no more that was taken back',
    ],
  },
  {
    flaw: 'recalls what has another id too',
    create: withQueue((queue) => {
      const ids = new Set<string>()
      const producer = producerOver(queue, (inner) => ({
        send(records, options) {
          for (const { id } of records) ids.add(id)
          return inner.send(records, options)
        },
      }))
      return {
        producer: producer.producer,
        async recall(id) {
          for (const each of ids) if (each !== id) await recallOf(queue, each)
          return recallOf(queue, id)
        },
      }
    }),
    turnsRed: ['holds back no other record than the one recalled'],
  },
  {
    flaw: 'does not know what was handed out',
    create: withRecall(({ findings }) => ({
      findings: new Map([...findings].map(([target]) => [target, 'unknown' as const])),
    })),
    turnsRed: ['says for which target it is too late to recall a record'],
  },
]

/** What `setTimeout` makes of a delay past 2^31 - 1 ms. */
function wrapped({ dueAt }: StoredRecord): number | undefined {
  if (dueAt === undefined) return undefined
  return dueAt - Date.now() > 2 ** 31 - 1 ? Date.now() + 1 : dueAt
}
