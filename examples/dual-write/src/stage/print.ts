import { styleText } from 'node:util'
import { plot } from 'asciichart'
import Table from 'cli-table3'
import type { Findings } from './check.ts'
import type { Seen, Tally } from './perform.ts'
import type { Watch } from './watch.ts'

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
  const further = details.map((detail) => `${' '.repeat(13)}${styleText('dim', detail)}`)
  return [`${seconds.toFixed(1).padStart(7)} s  ${mark} ${text}`, ...further].join('\n')
}

/** How much waited for each store as time went by: in one picture where colours tell them apart. */
export function backlogChart({ pending, everyMs }: Watch, hasColors: boolean): string {
  const lines = [pending.cassandra, pending.search].map((line) => narrowed(line, chartColumns))
  const seconds = Math.round((pending.cassandra.length * everyMs) / 1_000)
  const title = (whom: string): string => `  Changes that wait for ${whom}, over ${seconds} s:`
  const draw = (some: number[][], colors?: readonly string[]): string =>
    plot(some, {
      height: 8,
      format: (value: number) => figure(Math.round(value)).padStart(8),
      ...(colors && { colors: [...colors] }),
    })
  if (!hasColors) {
    const [cassandra = [], search = []] = lines
    return [
      ...[title('Cassandra'), '', draw([cassandra]), ''],
      ...[title('Elasticsearch'), '', draw([search])],
    ].join('\n')
  }
  const legend = `${styleText('blue', '──')} Cassandra  ${styleText('yellow', '──')} Elasticsearch`
  return [title('each store'), '', draw(lines, [blue, yellow]), '', `  ${legend}`].join('\n')
}

const chartColumns = 60
const [blue, yellow] = ['\u001b[34m', '\u001b[33m'] as const

/** A row for each store. */
export function storesTable(found: readonly Findings[], { tallies }: Seen): string {
  const columns = [
    'films',
    'lost',
    'risen',
    'wrong',
    'came again',
    'attempts spent',
    'dead letters',
  ]
  const table = new Table({
    head: ['store', ...columns],
    colAligns: ['left', ...columns.map(() => 'right' as const)],
    chars: ruleUnderHead,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  })
  for (const [at, { store, held, lost, risen, wrong }] of found.entries()) {
    const { redelivered, spent, deadLettered } = tallyAt(tallies, at)
    const figures = [held, lost.length, risen.length, wrong.length]
    table.push([store, ...[...figures, redelivered, spent, deadLettered].map(figure)])
  }
  const notes = [
    'lost: not there, or as an older change left it; risen: there, though deleted',
    'came again: given to a store a second time; its guard by version sees that nothing changes',
  ]
  return indented(`${table.toString()}\n\n${styleText('dim', notes.join('\n'))}`)
}

function tallyAt({ cassandra, search }: Seen['tallies'], at: number): Tally {
  return at === 0 ? cassandra : search
}

/** As many values as there is room for, the largest of each stretch. */
function narrowed(values: readonly number[], columns: number): number[] {
  const width = Math.max(1, Math.ceil(values.length / columns))
  const parts = Math.max(1, Math.ceil(values.length / width))
  return Array.from({ length: parts }, (_, part) =>
    Math.max(0, ...values.slice(part * width, (part + 1) * width)),
  )
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
