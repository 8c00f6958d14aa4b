import ts from 'typescript'

/** A row of a table of options on a page. */
export interface OptionRow {
  readonly name: string
  readonly meaning: string
  /** Its cell, without the marks of code around it; undefined for a dash, or an empty cell. */
  readonly default: string | undefined
  readonly range: string
}

/** The rows of all tables whose first column is `option`, under a heading of the page (and those below it). */
export function optionsUnder(markdown: string, heading: string): readonly OptionRow[] {
  const lines = markdown.split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && textOf(line) === heading)
  if (start === -1) throw new Error(`the page has no heading '${heading}'`)
  const level = levelOf(lines[start] ?? '')
  const length = lines.slice(start + 1).findIndex((line) => {
    return /^#+ /.test(line) && levelOf(line) <= level
  })
  const own = lines.slice(start + 1, length === -1 ? undefined : start + 1 + length)
  return own.filter((line) => /^\| `/.test(line)).map(rowOf)
}

/** Names of the members of an interface, as its file declares them. */
export function membersOf(source: string, name: string): readonly string[] {
  const file = ts.createSourceFile('options.ts', source, ts.ScriptTarget.ESNext)
  const found = file.statements.find(
    (each): each is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(each) && each.name.text === name,
  )
  if (found === undefined) throw new Error(`there is no interface '${name}'`)
  return found.members.flatMap(({ name: member }) =>
    member !== undefined && ts.isIdentifier(member) ? [member.text] : [],
  )
}

function rowOf(line: string): OptionRow {
  const cells = line
    .replace(/^\| | \|$/g, '')
    .split(' | ')
    .map((cell) => cell.trim())
  const [name = '', meaning = '', usual = '', range = ''] = cells
  const code = /^`([^`]+)`/.exec(usual)?.[1]
  return { name: name.replaceAll('`', ''), meaning, default: code, range }
}

function textOf(heading: string): string {
  return heading.replace(/^#+ /, '').replaceAll('`', '').trim()
}

function levelOf(heading: string): number {
  return heading.indexOf(' ')
}
