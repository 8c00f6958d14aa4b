import { styleText } from 'node:util'
import Table from 'cli-table3'
import type { Performance } from './perform.ts'

/** `3,201`. */
export function figure(value: number): string {
  return value.toLocaleString('en')
}

/** A line of the story. */
export function storyLine(
  seconds: number,
  kind: 'bad' | 'good',
  text: string,
  details: readonly string[],
): string {
  const mark = kind === 'bad' ? styleText('red', '✗') : styleText('green', '✓')
  const time = `${seconds.toFixed(1).padStart(6)} s`
  const further = details.map((detail) => `${' '.repeat(12)}${styleText('dim', detail)}`)
  return [`${time}  ${mark} ${text}`, ...further].join('\n')
}

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
  const table = new Table({
    head: ['queue', ...columns],
    colAligns: ['left', ...columns.map(() => 'right' as const)],
    chars: ruleUnderHead,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  })
  for (const one of performances) {
    const { title, acknowledged, lost, outOfOrder, ordered, again, harmful, diverged } = one
    const order = `${figure(outOfOrder.length)}${ordered ? '' : '*'}`
    const figures = [figure(acknowledged), figure(lost.length), order, figure(again)]
    const others = [figure(harmful.length), figure(diverged.length), one.seconds.toFixed(1)]
    table.push([title, ...figures, ...others])
  }
  const legend = performances.every(({ ordered }) => ordered)
    ? []
    : ['* not promised here: the version decides, and what comes late changes nothing']
  const notes = [...legend, 'came again: delivered a second time; changed nothing unless harmed']
  return `${indented(table.toString())}\n\n${indented(styleText('dim', notes.join('\n')))}`
}

/** No frame: only a line under the head, and room between the columns. */
const ruleUnderHead = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '─', 'mid-mid': '  ', right: '', 'right-mid': '' },
  middle: '  ',
}

function indented(text: string): string {
  return text.replace(/^/gm, '  ')
}
