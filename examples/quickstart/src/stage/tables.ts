import Table from 'cli-table3'
import { faint, figure } from './print.ts'
import type { Letter } from './service-client.ts'
import type { TargetTally } from './tally.ts'

/** What has become of the changes, a row per target, with a word on each column. */
export function targetsTable(
  acknowledged: number,
  tallies: Readonly<Record<string, TargetTally>>,
): string {
  const columns = ['applied', 'superseded', 'redelivered', 'retried', 'dead-lettered']
  const table = plainTable(['target', 'written', ...columns], [1, 2, 3, 4, 5, 6])
  for (const [target, tally] of Object.entries(tallies)) {
    const figures = [
      acknowledged,
      tally.with('applied').size,
      tally.with('superseded').size,
      tally.redelivered,
      tally.retried,
      tally.with('dead').size,
    ]
    table.push([target, ...figures.map(figure)])
  }
  const settled = Math.max(...Object.values(tallies).map((tally) => tally.settled))
  const lines = [...legend, ...twiceInLog(settled - acknowledged)]
  return `${indented(table)}\n\n${lines.map((line) => faint(`  ${line}`)).join('\n')}`
}

const legend = [
  'superseded: came when the store had something newer already, and was left out',
  'redelivered: given to a store that had it already; changed nothing',
  'retried: tried again, as the attempt before failed or was cut off by the kill',
  'dead-lettered: refused by the store; waits for a person',
]

/** Changes that were in the log, but whose senders had to send them again to be sure. */
function twiceInLog(count: number): readonly string[] {
  if (count <= 0) return []
  const changes = count === 1 ? 'change was' : 'changes were'
  return [`${figure(count)} more ${changes} in the log already when the kill cut off the answer`]
}

/** Dead letters counted by target and reason, with an example of each. */
export function lettersTable(letters: readonly Letter[]): string {
  const groups = Map.groupBy(letters, ({ target, code }) => `${target} ${code}`)
  const table = plainTable(['target', 'reason', 'films', 'for example'], [2])
  for (const group of [...groups.values()].sort((a, b) => b.length - a.length)) {
    const example = group[0]
    if (example === undefined) continue
    table.push([example.target, example.code, String(group.length), described(example)])
  }
  return indented(table)
}

function described({ record: { payload } }: Letter): string {
  return `${JSON.stringify(payload.title)} (${payload.released})`
}

function plainTable(head: readonly string[], rightAligned: readonly number[]): Table.Table {
  return new Table({
    head: [...head],
    colAligns: head.map((_, index) => (rightAligned.includes(index) ? 'right' : 'left')),
    chars: ruleUnderHead,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  })
}

/** No frame: only a line under the head, and room between the columns. */
const ruleUnderHead = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '─', 'mid-mid': '  ', right: '', 'right-mid': '' },
  middle: '  ',
}

function indented(table: Table.Table): string {
  return table.toString().replace(/^/gm, '  ')
}
