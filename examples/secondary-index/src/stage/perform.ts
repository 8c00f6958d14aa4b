import { Actor, figure, type Story, until } from '@daybook/example-stage'
import type { ServiceCalls } from '../service.ts'
import type { Place } from '../tables.ts'
import type { Change } from './changes.ts'

/** Changes that are asked for at the same time. */
const askers = 24

/** What the check has to know besides the tables. */
export interface Seen {
  readonly dead: number
  /** What should have happened, and did not. */
  readonly missing: readonly string[]
}

export interface StageOptions {
  readonly directory: string
  readonly cassandra: Place
  readonly story: Story
}

/** Has all changes made while the indexes are being filled, and kills the service twice meanwhile. */
export async function perform(
  { directory, cassandra, story }: StageOptions,
  changes: readonly Change[],
): Promise<Seen> {
  const missing: string[] = []
  const queues = spread(changes)
  let made = 0
  const total = changes.length

  const live = async (isEnough: (made: number, films: number) => boolean): Promise<boolean> => {
    const script = new URL('../service.ts', import.meta.url)
    const { host, port } = cassandra
    const service = await Actor.start<ServiceCalls>(script, directory, host, `${port}`)
    const before = await service.ask('status')
    if (made > 0) {
      story.say('good', 'Started again', `${figure(before.left)} records were left to apply`)
      if (before.left === 0) missing.push('something was left to apply when the service was killed')
    }
    await service.ask('fill')
    const asking = Promise.allSettled(
      queues.map(async (queue) => {
        for (let next = queue[0]; next !== undefined; next = queue[0]) {
          // Nobody knows what becomes of one that is under way as the service dies: it is asked for again.
          await service.ask('change', next.id, next.film)
          queue.shift()
          made++
        }
      }),
    )
    let status = before
    await until('enough is done', async () => {
      status = await service.ask('status')
      return isEnough(made, status.films) && (made === total || status.pending > 0)
    })
    if (made < total) {
      await service.kill()
      await asking
      const filled = status.isFilled ? 'the indexes are filled' : `${figure(status.films)} films in`
      story.say('bad', 'The service is killed', `${figure(made)} changes made, ${filled}`)
      return status.isFilled
    }
    await asking
    await service.ask('settle')
    const { dead } = await service.ask('status')
    await service.stop()
    letters = dead
    return true
  }

  let letters = 0
  const wasFilled = await live((count, films) => count >= total / 20 && films >= 500)
  if (wasFilled) missing.push('the service was killed before the indexes were filled')
  await live((count) => count >= (total * 2) / 3)
  await live((count) => count === total)
  story.say('good', 'All is applied', `${figure(total)} changes, each with its index rows`)
  return { dead: letters, missing }
}

/** One queue for each asker: changes of a film stay in their order. */
function spread(changes: readonly Change[]): Change[][] {
  const queues = Array.from({ length: askers }, (): Change[] => [])
  const places = new Map<string, number>()
  for (const change of changes) {
    const place = places.get(change.id) ?? places.size % askers
    places.set(change.id, place)
    queues[place]?.push(change)
  }
  return queues
}
