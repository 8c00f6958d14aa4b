/**
 * A piece of TypeScript on a page, with the fenced blocks that continue it. How it is tested stands
 * after the language, where a reader of the page does not see it:
 *
 * - `ts` is type-checked and run; it must end by itself, without an error
 * - `ts check` is type-checked (it needs a server, say)
 * - `ts sketch` is a shape rather than a program, and only has to parse
 * - `ts continues`, also with one of these words, goes on with the snippet before it
 *
 * A block ```` ```text output ```` after a snippet is what it must print.
 */
export interface Snippet {
  readonly page: string
  /** Line of its first fence, counted from 1. */
  readonly line: number
  readonly mode: 'run' | 'check' | 'sketch'
  /** The code, each line where it stands on the page, so that errors name the page's own lines. */
  readonly code: string
  /** What it must print, if the page says so. */
  readonly output: string | undefined
}

interface Block {
  /** What stands behind the fence: the language and the words for the test. */
  readonly words: readonly string[]
  /** Line of the opening fence, counted from 1. */
  readonly line: number
  readonly lines: readonly string[]
}

/** The snippets of a page, in order. */
export function snippets(page: string, markdown: string): readonly Snippet[] {
  const found: Snippet[] = []
  for (const block of blocks(markdown)) {
    const [language = '', ...words] = block.words
    const isOutput = language === 'text' && words.includes('output')
    if (!isOutput && language !== 'ts' && language !== 'typescript') continue
    const refuse = (why: string): Error => new Error(`${page}:${block.line}: ${why}`)
    const isNew = !isOutput && !words.includes('continues')
    const before = isNew ? undefined : found.pop()
    if (!isNew && before === undefined) throw refuse('no snippet stands before it')
    if (isOutput && before !== undefined) {
      found.push({ ...before, output: block.lines.join('\n') })
    } else {
      const unknown = words.find((word) => !['check', 'sketch', 'continues'].includes(word))
      if (unknown !== undefined) throw refuse(`what is \`${language} ${unknown}\`?`)
      found.push(extended(before ?? empty(page, block), block, words))
    }
  }
  return found
}

function empty(page: string, block: Block): Snippet {
  return { page, line: block.line, mode: 'run', code: '', output: undefined }
}

/** The snippet with a block's lines added where they stand on the page. */
function extended(snippet: Snippet, block: Block, words: readonly string[]): Snippet {
  const mode = (['sketch', 'check'] as const).find((word) => words.includes(word)) ?? snippet.mode
  const linesBefore = snippet.code.split('\n').length - 1
  const gap = '\n'.repeat(block.line - linesBefore)
  return { ...snippet, mode, code: `${snippet.code}${gap}${block.lines.join('\n')}\n` }
}

function blocks(markdown: string): readonly Block[] {
  const lines = markdown.split('\n')
  const found: Block[] = []
  for (let index = 0; index < lines.length; index += 1) {
    const [, indent = '', fence = '', info = ''] =
      /^( *)(`{3,})([^`]*)$/.exec(lines[index] ?? '') ?? []
    if (fence === '') continue
    const start = index + 1
    const end = lines.findIndex((line, at) => at >= start && line.trim() === fence)
    if (end === -1) break
    const own = lines
      .slice(start, end)
      .map((line) => line.slice(Math.min(indent.length, line.length)))
    found.push({ words: info.trim().split(/\s+/), line: start, lines: own })
    index = end
  }
  return found
}
