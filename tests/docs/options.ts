import ts from 'typescript'

/** A row of a table of options on a page. */
export interface OptionRow {
  readonly name: string
  readonly meaning: string
  /** Its cell, without the marks of code around it; undefined for a dash, or an empty cell. */
  readonly default: string | undefined
  readonly range: string
}

/** The rows of the tables under a heading of the page, and under those below it unless it is taken alone. */
export function optionsUnder(
  markdown: string,
  heading: string,
  how: 'alone' | 'whole' = 'whole',
): readonly OptionRow[] {
  const lines = markdown.split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && textOf(line) === heading)
  if (start === -1) throw new Error(`the page has no heading '${heading}'`)
  const level = levelOf(lines[start] ?? '')
  const length = lines.slice(start + 1).findIndex((line) => {
    return /^#+ /.test(line) && (how === 'alone' || levelOf(line) <= level)
  })
  const own = lines.slice(start + 1, length === -1 ? undefined : start + 1 + length)
  return own.filter((line) => /^\| `/.test(line)).map(rowOf)
}

/** Names of the members of an interface, or of a type made of objects, as its file declares them. */
export function membersOf(source: string, name: string): readonly string[] {
  const file = ts.createSourceFile('options.ts', source, ts.ScriptTarget.ESNext)
  const found = file.statements.find(
    (each): each is ts.InterfaceDeclaration | ts.TypeAliasDeclaration =>
      (ts.isInterfaceDeclaration(each) || ts.isTypeAliasDeclaration(each)) &&
      each.name.text === name,
  )
  if (found === undefined) throw new Error(`there is no type '${name}'`)
  const members = ts.isInterfaceDeclaration(found) ? [...found.members] : membersIn(found.type)
  return members.flatMap(({ name: member }) =>
    member !== undefined && ts.isIdentifier(member) ? [member.text] : [],
  )
}

function membersIn(type: ts.TypeNode): readonly ts.TypeElement[] {
  if (ts.isTypeLiteralNode(type)) return [...type.members]
  if (ts.isParenthesizedTypeNode(type)) return membersIn(type.type)
  if (ts.isUnionTypeNode(type) || ts.isIntersectionTypeNode(type))
    return type.types.flatMap(membersIn)
  return []
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
