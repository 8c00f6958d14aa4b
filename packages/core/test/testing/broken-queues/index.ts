import { aheadFlaws } from './ahead-flaws.ts'
import { attemptFlaws } from './attempt-flaws.ts'
import type { BrokenQueue } from './breakage.ts'
import { consumerFlaws } from './consumer-flaws.ts'
import { delayFlaws } from './delay-flaws.ts'
import { parkFlaws } from './park-flaws.ts'
import { producerFlaws } from './producer-flaws.ts'
import { queueFlaws } from './queue-flaws.ts'
import { recordFlaws } from './record-flaws.ts'

export { type BrokenQueue, wholeQueue } from './breakage.ts'

export const brokenQueues: readonly BrokenQueue[] = [
  ...aheadFlaws,
  ...parkFlaws,
  ...attemptFlaws,
  ...delayFlaws,
  ...recordFlaws,
  ...producerFlaws,
  ...queueFlaws,
  ...consumerFlaws,
]
