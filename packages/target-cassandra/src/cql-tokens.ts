/** A piece of a statement: what it is, how it is written, and where it begins. */
export interface Token {
  /** `word`: a keyword or an unquoted name. `name`: a quoted one, `text`: a string. */
  readonly kind: 'word' | 'name' | 'text' | 'number' | 'sign'
  /** A word in lower case, all else as it stands. */
  readonly value: string
  readonly at: number
}

const comment = /--[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y
const blank = /\s+/y
const kinds: readonly (readonly [Token['kind'], RegExp])[] = [
  ['text', /'(?:[^']|'')*'|\$\$[\s\S]*?\$\$/y],
  ['name', /"(?:[^"]|"")*"/y],
  ['word', /[A-Za-z]\w*/y],
  ['number', /\d[\w.]*/y],
  ['sign', /[\s\S]/y],
]

/** The pieces of a statement, comments and blanks left out. */
export function tokensOf(query: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < query.length; ) {
    const skipped = match(blank, query, at) ?? match(comment, query, at)
    if (skipped !== undefined) {
      at += skipped.length
      continue
    }
    for (const [kind, pattern] of kinds) {
      const found = match(pattern, query, at)
      if (found === undefined) continue
      tokens.push({ kind, value: kind === 'word' ? found.toLowerCase() : found, at })
      at += found.length
      break
    }
  }
  return tokens
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}
