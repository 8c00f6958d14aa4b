import { posix } from 'node:path'
import ts from 'typescript'
import { type Files, type Finding, finding, type Rule } from '../rule.ts'

const entries = /^packages\/[^/]+\/src\/(index|testing\/index)\.ts$/

/** Everything that a package's entry points export has a doc comment where it is declared. */
export const docComments: Rule = (files: Files): readonly Finding[] =>
  [...files.keys()]
    .filter((path) => entries.test(path))
    .flatMap((path) => exportsOf(files, path))
    .filter((exported) => !exported.documented)
    .map(({ path, text, index, name }) =>
      finding(path, text, index, `${name} is exported without a doc comment`),
    )

interface Exported {
  readonly name: string
  readonly path: string
  readonly text: string
  readonly index: number
  readonly documented: boolean
}

/** What a module exports, each at its declaration, through re-exports as far as they lead. */
function exportsOf(files: Files, path: string): readonly Exported[] {
  const text = files.get(path)
  if (text === undefined) return []
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  return source.statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) return reExports(files, path, source, statement)
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined
    const isExport = (modifier: ts.Modifier): boolean =>
      modifier.kind === ts.SyntaxKind.ExportKeyword
    return modifiers?.some(isExport) ? [declared(path, source, statement)] : []
  })
}

function reExports(
  files: Files,
  path: string,
  source: ts.SourceFile,
  statement: ts.ExportDeclaration,
): readonly Exported[] {
  const { moduleSpecifier, exportClause } = statement
  const names =
    exportClause !== undefined && ts.isNamedExports(exportClause)
      ? exportClause.elements.map((element) => (element.propertyName ?? element.name).text)
      : undefined
  if (moduleSpecifier === undefined) {
    const locals = source.statements.map((local) => declared(path, source, local))
    return locals.filter(({ name }) => names?.includes(name))
  }
  if (!ts.isStringLiteral(moduleSpecifier) || !moduleSpecifier.text.startsWith('.')) return []
  const target = posix.normalize(posix.join(posix.dirname(path), moduleSpecifier.text))
  return exportsOf(files, target).filter(({ name }) => names === undefined || names.includes(name))
}

function declared(path: string, source: ts.SourceFile, statement: ts.Statement): Exported {
  const name = ts.isVariableStatement(statement)
    ? (statement.declarationList.declarations[0]?.name.getText(source) ?? '')
    : ((statement as { name?: ts.Identifier }).name?.text ?? '')
  const documented = ts.getJSDocCommentsAndTags(statement).length > 0
  return { name, path, text: source.text, index: statement.getStart(source), documented }
}
