import ts from 'typescript'
import { type Files, type Finding, finding, type Rule, select } from '../rule.ts'

/** No two tests share a full name, so that `-t` finds the one that failed. */
export const testNames: Rule = (files: Files): readonly Finding[] => {
  const first = new Map<string, string>()
  return select(files, /\.test(-d)?\.ts$/).flatMap(([path, text]) =>
    namesIn(path, text).flatMap(({ name, index }) => {
      const earlier = first.get(name)
      const here = `${path}:${text.slice(0, index).split('\n').length}`
      if (earlier !== undefined) {
        return [finding(path, text, index, `the test "${name}" has the name of ${earlier}`)]
      }
      first.set(name, here)
      return []
    }),
  )
}

interface Named {
  readonly name: string
  readonly index: number
}

/** Full names of the tests in a file: its groups' names and its own. Templates are left out. */
function namesIn(path: string, text: string): readonly Named[] {
  const found: Named[] = []
  const visit = (node: ts.Node, groups: readonly string[]): void => {
    const call = ts.isCallExpression(node) ? called(node) : undefined
    if (call?.kind === 'test') {
      found.push({ name: [...groups, call.name].join(' > '), index: node.getStart() })
    }
    const inside = call?.kind === 'describe' ? [...groups, call.name] : groups
    ts.forEachChild(node, (child) => visit(child, inside))
  }
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true), [])
  return found
}

/** `test('name', …)` or `describe('name', …)`, also with `.concurrent` and the like. */
function called(node: ts.CallExpression): { kind: 'test' | 'describe'; name: string } | undefined {
  let callee: ts.Expression = node.expression
  while (ts.isPropertyAccessExpression(callee)) callee = callee.expression
  const name = node.arguments[0]
  if (!ts.isIdentifier(callee) || name === undefined || !ts.isStringLiteralLike(name))
    return undefined
  if (callee.text === 'describe') return { kind: 'describe', name: name.text }
  return ['test', 'it'].includes(callee.text) ? { kind: 'test', name: name.text } : undefined
}
