import { styleText } from 'node:util'
import { figure, plainTable } from '@daybook/example-stage'
import type { Performance } from './perform.ts'

/** What is wrong with a performance, as sentences. */
export function violations(performance: Performance): readonly string[] {
  const { lost, outOfOrder, harmful, diverged, missing, ordered } = performance
  return [
    ...lost,
    ...(ordered ? outOfOrder : []),
    ...harmful,
    ...diverged,
    ...missing.map((what) => `not so: ${what}`),
  ]
}

/** A row for each queue, and below it what is behind the figures that should be zero. */
export function resultsTable(performances: readonly Performance[]): string {
  const columns = ['acknowledged', 'lost', 'out of order', 'came again', 'harmed', 'diverged', 's']
  const rows = performances.map((one) => {
    const { title, acknowledged, lost, outOfOrder, ordered, again, harmful, diverged } = one
    const order = `${figure(outOfOrder.length)}${ordered ? '' : '*'}`
    const counts = [acknowledged, lost.length, order, again, harmful.length, diverged.length]
    return [title, ...counts, one.seconds.toFixed(1)]
  })
  const legend = performances.every(({ ordered }) => ordered)
    ? []
    : ['* not promised here: the version decides, and what comes late changes nothing']
  const notes = [...legend, 'came again: delivered a second time; changed nothing unless harmed']
  const lines = notes.map((note) => `  ${styleText('dim', note)}`)
  return [plainTable(['queue', ...columns], rows), '', ...lines].join('\n')
}
