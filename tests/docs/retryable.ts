import ts from 'typescript'

/** What the sources say of `retryable`, by code: true, false, or undefined where it depends. */
export type Retryables = ReadonlyMap<string, ReadonlySet<boolean | undefined>>

/** Looks at each error that is made with its code written out, and at each row of a table of codes. */
export function retryablesOf(sources: readonly string[]): Retryables {
  const found = new Map<string, Set<boolean | undefined>>()
  const note = (code: string, answer: boolean | undefined): void => {
    found.set(code, (found.get(code) ?? new Set()).add(answer))
  }
  const visit = (node: ts.Node): void => {
    if (ts.isNewExpression(node) || ts.isCallExpression(node)) noteError(node, note)
    if (ts.isObjectLiteralExpression(node)) noteRow(node, note)
    ts.forEachChild(node, visit)
  }
  for (const source of sources.filter((text) => text.includes("'ERR_"))) {
    visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.ESNext, true))
  }
  return found
}

/** What a page says of a code: the same, or nothing where its line is missing. */
export function saidOf(markdown: string, code: string): string | undefined {
  return new RegExp(`^## ${code}\\n_Retryable: (.+)\\._$`, 'm').exec(markdown)?.[1]
}

/** What is wrong with what is said of a code. */
export function wrongWith(
  said: string | undefined,
  answers: ReadonlySet<boolean | undefined>,
): string | undefined {
  const [only] = [...answers]
  const isOne = answers.size === 1 && only !== undefined
  if (isOne)
    return said === (only ? 'yes' : 'no') ? undefined : `is ${only}, and the page says ${said}`
  return said === undefined || said === 'yes' || said === 'no'
    ? `depends, and the page says ${said}`
    : undefined
}

type Note = (code: string, answer: boolean | undefined) => void

function noteError(node: ts.NewExpression | ts.CallExpression, note: Note): void {
  const [code, ...others] = node.arguments ?? []
  const made = node.expression.getText()
  if (!code || !ts.isStringLiteral(code) || !code.text.startsWith('ERR_')) return
  if (made !== 'WalError' && made !== 'super') return
  const options = others.find(ts.isObjectLiteralExpression)
  note(code.text, options === undefined ? false : answerIn(options))
}

function noteRow(node: ts.ObjectLiteralExpression, note: Note): void {
  const code = valueIn(node, 'code')
  if (code === undefined || !ts.isStringLiteral(code) || !code.text.startsWith('ERR_')) return
  if (has(node, 'retryable')) note(code.text, answerIn(node))
}

function answerIn(node: ts.ObjectLiteralExpression): boolean | undefined {
  if (!has(node, 'retryable')) return false
  const value = valueIn(node, 'retryable')
  if (value?.kind === ts.SyntaxKind.TrueKeyword) return true
  return value?.kind === ts.SyntaxKind.FalseKeyword ? false : undefined
}

function has(node: ts.ObjectLiteralExpression, name: string): boolean {
  return node.properties.some((each) => each.name?.getText() === name)
}

function valueIn(node: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  return node.properties
    .filter(ts.isPropertyAssignment)
    .find((each) => each.name.getText() === name)?.initializer
}
