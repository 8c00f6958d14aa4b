import type { Say } from './break-things.ts'
import { bad, faint, good } from './print.ts'
import { type Gauge, showProgress } from './progress.ts'
import type { Stage } from './stage.ts'

const redrawEveryMs = 80

/** Shows how far the changes have come while `work` is under way, and what it says. */
export async function narrate<T>(stage: Stage, work: (say: Say) => Promise<T>): Promise<T> {
  const progress = showProgress(stage.changes.length)
  const redraw = setInterval(() => progress.show(gauges(stage)), redrawEveryMs)
  progress.show(gauges(stage))
  try {
    return await work((kind, text, ...details) => {
      const mark = kind === 'bad' ? bad('✗') : good('✓')
      progress.say([
        `${stage.time}  ${mark} ${text}`,
        ...details.map((detail) => `${' '.repeat(11)}${faint(detail)}`),
      ])
    })
  } finally {
    clearInterval(redraw)
    progress.show(gauges(stage))
    progress.stop()
  }
}

function gauges({ client, service, tallies }: Stage): readonly Gauge[] {
  const { database, search } = tallies
  const saved = { name: 'saved', value: client.acknowledged.length }
  return [
    { ...saved, note: service.isUp ? '' : 'service down' },
    { name: 'database', value: database.settled, note: database.isPaused ? 'down' : '' },
    { name: 'search index', value: search.settled, note: search.isPaused ? 'down' : '' },
  ]
}
