import type { Clock } from '@daybook/core'
import { SeededRandom } from '@daybook/core/testing'
import { SqsModel, type SqsTroublesOptions } from '../../src/testing/index.ts'

/** A model on which everything that SQS may do at any time happens often. */
export function troubledModel(
  clock: Clock,
  seed: number,
  troubles: Omit<SqsTroublesOptions, 'random'> = {
    ...{ repeated: 0.1, disordered: 0.5, sampled: 0.5, failedEntries: 0.05, throttledCalls: 0.05 },
  },
): SqsModel {
  return new SqsModel({ clock, troubles: { random: new SeededRandom(seed), ...troubles } })
}
