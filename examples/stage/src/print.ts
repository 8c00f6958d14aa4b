import Table from 'cli-table3'

/** `3,201`. */
export function figure(value: number): string {
  return value.toLocaleString('en')
}

/** Rows under a head, without a frame; all columns but the first are figures. */
export function plainTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, at) => (at === 0 ? 'left' : 'right')),
    chars: ruleUnderHead,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) {
    table.push(row.map((cell) => (typeof cell === 'number' ? figure(cell) : cell)))
  }
  return table.toString().replace(/^/gm, '  ')
}

/** Only a line under the head, and room between the columns. */
const ruleUnderHead = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '─', 'mid-mid': '  ', right: '', 'right-mid': '' },
  middle: '  ',
}
