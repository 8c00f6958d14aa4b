import { type Token, tokensOf } from './cql-tokens.ts'
import { plain } from './table-name.ts'

/** What a statement does to a column. */
export interface Assignment {
  readonly column: string
  /** `replace`: `a = ?`. `change`: `a = a + ?`, `a += ?`. `element`: `a[?] = ?`, `DELETE a[?]`. */
  readonly how: 'replace' | 'change' | 'element'
}

/** As much of a statement as has to be known to tell whether it may come twice, or late. */
export interface ParsedStatement {
  readonly verb: 'insert' | 'update' | 'delete'
  readonly keyspace: string | undefined
  readonly table: string
  /** Undefined for an INSERT JSON, which may set any column. */
  readonly assignments: readonly Assignment[] | undefined
  /** IF: a condition on what is there. */
  readonly isConditional: boolean
  readonly hasTimestamp: boolean
  /** Every function it calls, in lower case; also a table that is named before a bracket. */
  readonly functions: readonly string[]
  /** Where `USING TIMESTAMP ?` goes, how it is to be written there, and before how many of the others' marks. */
  readonly timestamp: { readonly at: number; readonly text: string; readonly marksBefore: number }
}

/** Reads an INSERT, UPDATE or DELETE; what it is not, as words that go on from "is". */
export function parseStatement(query: string): ParsedStatement | string {
  const tokens = tokensOf(query)
  const [first] = tokens
  const verb = first?.kind === 'word' ? first.value : ''
  if (verb !== 'insert' && verb !== 'update' && verb !== 'delete') {
    return 'no INSERT, UPDATE or DELETE; for several statements give several, not a batch'
  }
  const last = tokens.at(-1)
  const whole = last?.value === ';' ? tokens.slice(0, -1) : tokens
  if (whole.some(({ value, kind }) => kind === 'sign' && value === ';'))
    return 'more than one statement'
  if (isNamed(whole)) return 'written with named markers; use question marks'
  const introducer = { insert: 'into', update: 'update', delete: 'from' }[verb]
  const from = indexOfWord(whole, introducer) + 1
  const name = tableAt(whole, from)
  if (from === 0 || name === undefined) return 'written without a table'
  const using = indexOfWord(whole, 'using')
  return {
    verb,
    keyspace: name.keyspace,
    table: name.table,
    assignments: assignmentsOf(verb, whole, from + name.length),
    isConditional: whole.some(({ kind, value }) => kind === 'word' && value === 'if'),
    hasTimestamp: using >= 0 && whole.slice(using, using + 6).some(isWord('timestamp')),
    functions: functionsOf(whole),
    timestamp: placeOfTimestamp(verb, whole, query, using >= 0),
  }
}

/** A colon right before a word: a marker with a name. */
function isNamed(tokens: readonly Token[]): boolean {
  return tokens.some(({ value, at }, index) => {
    const next = tokens[index + 1]
    return value === ':' && next?.kind === 'word' && next.at === at + 1
  })
}

function tableAt(tokens: readonly Token[], at: number) {
  const names = tokens.slice(at, at + 3)
  const isName = (token: Token | undefined): token is Token =>
    token?.kind === 'word' || token?.kind === 'name'
  const [first, dot, second] = names
  if (!isName(first)) return undefined
  if (dot?.value === '.' && isName(second)) {
    return { keyspace: plain(first.value), table: plain(second.value), length: 3 }
  }
  return { keyspace: undefined, table: plain(first.value), length: 1 }
}

function assignmentsOf(
  verb: ParsedStatement['verb'],
  tokens: readonly Token[],
  behindTable: number,
): readonly Assignment[] | undefined {
  if (verb === 'insert') {
    if (tokens[behindTable]?.value !== '(') return undefined
    const end = tokens.findIndex(({ value }, index) => index > behindTable && value === ')')
    return tokens
      .slice(behindTable + 1, end)
      .flatMap(columnOf)
      .map(replaced)
  }
  if (verb === 'update') {
    const set = indexOfWord(tokens, 'set')
    return split(tokens.slice(set + 1, indexOfWord(tokens, 'where'))).flatMap(assignmentOf)
  }
  return split(tokens.slice(1, indexOfWord(tokens, 'from'))).flatMap((part) =>
    columnOf(part[0]).map(
      (column) => ({ column, how: part.length > 1 ? 'element' : 'replace' }) as const,
    ),
  )
}

const replaced = (column: string): Assignment => ({ column, how: 'replace' })

function assignmentOf(part: readonly Token[]): readonly Assignment[] {
  const [first, next] = part
  const isElement = next?.value === '[' || next?.value === '.'
  const how = isElement ? 'element' : part.some(isArithmetic) ? 'change' : 'replace'
  return columnOf(first).map((column) => ({ column, how }))
}

/** A plus or minus that is not the sign of a number, nor in a string. */
function isArithmetic({ kind, value }: Token, index: number, part: readonly Token[]): boolean {
  if (kind !== 'sign' || (value !== '+' && value !== '-')) return false
  const before = part[index - 1]
  const isSign =
    part[index + 1]?.kind === 'number' && before?.kind === 'sign' && '=,([{:'.includes(before.value)
  return !isSign
}

function columnOf(token: Token | undefined): readonly string[] {
  return token?.kind === 'word' || token?.kind === 'name' ? [plain(token.value)] : []
}

/** At the commas that are in no bracket. */
function split(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]]
  let depth = 0
  for (const token of tokens) {
    if (token.kind === 'sign' && '([{'.includes(token.value)) depth++
    if (token.kind === 'sign' && ')]}'.includes(token.value)) depth--
    if (token.value === ',' && depth === 0) parts.push([])
    else parts.at(-1)?.push(token)
  }
  return parts
}

function functionsOf(tokens: readonly Token[]): readonly string[] {
  return tokens.flatMap(({ kind, value }, index) => {
    const isCall = kind === 'word' && tokens[index + 1]?.value === '('
    return isCall ? [value] : []
  })
}

function placeOfTimestamp(
  verb: ParsedStatement['verb'],
  tokens: readonly Token[],
  query: string,
  hasUsing: boolean,
): ParsedStatement['timestamp'] {
  const before = { insert: undefined, update: 'set', delete: 'where' }[verb]
  const index = before === undefined ? -1 : indexOfWord(tokens, before)
  const last = tokens.at(-1)
  const end = last === undefined ? query.length : last.at + last.value.length
  const at = index >= 0 ? (tokens[index]?.at ?? end) : end
  const marks = tokens.filter(
    (token) => token.value === '?' && token.kind === 'sign' && token.at < at,
  )
  const clause = hasUsing ? 'AND TIMESTAMP ?' : 'USING TIMESTAMP ?'
  return { at, text: index >= 0 ? `${clause} ` : ` ${clause}`, marksBefore: marks.length }
}

function indexOfWord(tokens: readonly Token[], word: string): number {
  return tokens.findIndex(isWord(word))
}

function isWord(word: string): (token: Token) => boolean {
  return ({ kind, value }) => kind === 'word' && value === word
}
