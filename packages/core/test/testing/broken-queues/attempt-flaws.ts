import { type BrokenQueue, withConsumer, withDeliveries, withQueue } from './breakage.ts'

/** What may be wrong with the attempts that a consumer remembers. */
export const attemptFlaws: readonly BrokenQueue[] = [
  {
    flaw: 'forgets attempts',
    create: withConsumer(() => ({ saveAttempts: async () => {} })),
    turnsRed: [
      'keeps saved attempts for the next consumer',
      'keeps saved attempts over a reopening, to the letter',
    ],
  },
  {
    flaw: 'waits out the backoff itself',
    create: withConsumer((consumer) => ({
      async pull(options) {
        const deliveries = await consumer.pull(options)
        return deliveries.filter(({ attempts }) => attempts.notBefore <= Date.now())
      },
    })),
    turnsRed: ['hands out a record at once however far ahead its next attempt is'],
  },
  {
    flaw: 'forgets that an attempt was begun',
    create: withConsumer(() => ({ beginAttempts: async () => {} })),
    turnsRed: ['counts an attempt that was interrupted by the death of the process'],
  },
  {
    flaw: 'takes a clean close for a crash',
    create: withConsumer(() => ({ close: async () => {} })),
    turnsRed: [
      'ends a waiting pull with nothing when the consumer closes',
      'does not hang in pull after close',
      'counts no attempt that was begun before a clean close',
    ],
  },
  {
    flaw: 'counts attempts that had ended',
    create: withConsumer((consumer) => ({
      async saveAttempts(saved) {
        await consumer.saveAttempts(saved)
        await consumer.beginAttempts?.(saved.map(({ delivery }) => delivery))
      },
    })),
    turnsRed: ['counts no attempt that had ended before the death of the process'],
  },
  {
    flaw: 'counts attempts that were to follow soon',
    create: withConsumer((consumer) => ({
      beginAttempts: async (deliveries, soon) =>
        consumer.beginAttempts?.([...deliveries, ...(soon?.() ?? [])]),
    })),
    turnsRed: ['counts no attempt that was to follow soon and did not'],
  },
  {
    flaw: 'counts every handing out as an attempt',
    create: withDeliveries(({ attempts, ...delivery }) => ({
      ...delivery,
      attempts: { ...attempts, spent: attempts.spent + 1 },
    })),
    turnsRed: ['hands out a record never tried with no attempts'],
  },
  {
    flaw: 'keeps the attempts saved first',
    create: withConsumer((consumer) => {
      const saved = new Set<string>()
      return {
        async saveAttempts(attempts) {
          await consumer.saveAttempts(
            attempts.filter(({ delivery }) => !saved.has(delivery.record.id)),
          )
          for (const { delivery } of attempts) saved.add(delivery.record.id)
        },
      }
    }),
    turnsRed: ['keeps the attempts saved last'],
  },
  {
    flaw: 'forgets the attempts given at release',
    create: withConsumer((consumer) => ({
      release: (releases) =>
        consumer.release(
          releases.map((release) => ({ ...release, attempts: release.delivery.attempts })),
        ),
    })),
    turnsRed: ['hands out a released record again, with the attempts given'],
  },
  {
    flaw: 'declares that a release holds its key',
    create: withQueue(({ supports }) => ({ supports: { ...supports, releaseHoldsKey: true } })),
    turnsRed: [
      'holds back the key of a record released with a delay if it declares so, and no other',
    ],
  },
]
