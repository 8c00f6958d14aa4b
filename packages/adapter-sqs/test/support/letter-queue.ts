import { VirtualClock } from '@daybook/core/testing'
import { SqsModel } from '../../src/testing/index.ts'

/** How long a queue of dead letters keeps them, in ms. */
export const fourteenDaysMs = 14 * 24 * 3_600_000

/** A queue of dead letters on a model and a clock of its own. */
export function letterQueueOnModel() {
  const clock = new VirtualClock()
  const model = new SqsModel({ clock })
  const queueUrl = model.createQueue('letters', { retentionMs: fourteenDaysMs })
  return { clock, model, queueUrl }
}
