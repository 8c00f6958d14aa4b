import { parseArgs } from 'node:util'
import { type QueueOnStage, queues } from './queues.ts'

const usage = `npm run demo -- --queue NAME, with one of ${Object.keys(queues).join(', ')}`

/** The queue that the command line names, or the log on disk; a sentence where it makes no sense. */
export function chosenQueue(args: readonly string[]): QueueOnStage | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { queue: { type: 'string', default: 'file' } },
    })
    const queue = Object.hasOwn(queues, values.queue) ? queues[values.queue] : undefined
    return queue ?? `There is no queue named “${values.queue}”. Usage: ${usage}`
  } catch (error) {
    return `${(error as Error).message}\nUsage: ${usage}`
  }
}
