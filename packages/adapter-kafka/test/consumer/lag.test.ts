import { expect, test } from 'vitest'
import { Lag } from '../../src/consumer/lag.ts'
import { Progress } from '../../src/consumer/progress.ts'
import { textOf } from '../../src/consumer/progress-text.ts'
import type { KafkaAdmin } from '../../src/index.ts'
import type { KafkaSettings } from '../../src/kafka-options.ts'

test('what is parked counts as not done with also for a process that does not have the partition', async () => {
  const parked = { claim: 2_048, start: 0, floor: 0, count: 3 }
  const progress = new Progress(10, [{ from: 11, to: 12 }])
  const metadata = textOf({ progress, attempts: new Map(), begun: [], parked })
  const admin = {
    committed: async () => new Map([[0, { topic: 't', partition: 0, offset: 10, metadata }]]),
    bounds: async () => [{ first: 0, next: 15 }],
  } as unknown as KafkaAdmin
  const settings = { topic: 't', topics: ['t'], group: 'daybook.t' } as unknown as KafkaSettings
  const lag = new Lag(admin, settings)
  const open = await lag.openBelow(await lag.ends(), 'daybook.t.a', { partitions: [] })
  expect(open).toBe(4 + 3)
})
