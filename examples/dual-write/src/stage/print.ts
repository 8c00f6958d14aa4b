import { styleText } from 'node:util'
import { figure, plainTable } from '@daybook/example-stage'
import { plot } from 'asciichart'
import type { Findings } from './check.ts'
import type { Seen, Tally } from './perform.ts'
import type { Watch } from './watch.ts'

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
  const rows = found.map(({ store, held, lost, risen, wrong }, at) => {
    const { redelivered, spent, deadLettered } = tallyAt(tallies, at)
    const counts = [held, lost.length, risen.length, wrong.length]
    return [store, ...counts, redelivered, spent, deadLettered]
  })
  const notes = [
    'lost: not there, or as an older change left it; risen: there, though deleted',
    'came again: given to a store a second time; its guard by version sees that nothing changes',
  ]
  const legend = notes.map((note) => `  ${styleText('dim', note)}`)
  return [plainTable(['store', ...columns], rows), '', ...legend].join('\n')
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
