import { type Files, type Finding, finding, type Rule } from '../rule.ts'

const sourcePath = 'packages/core/src/errors.ts'
const docsPath = 'docs/errors.md'

/** Every error code has a heading in docs/errors.md, and every heading there is a code. */
export const errorCodes: Rule = (files: Files): readonly Finding[] => {
  const source = files.get(sourcePath) ?? ''
  const docs = files.get(docsPath)
  if (docs === undefined) return [`${docsPath}:1: missing`]
  const union = /export type WalErrorCode =([\s\S]*?)\n\n/.exec(source)?.[1] ?? ''
  const codes = new Set([...union.matchAll(/'(ERR_[A-Z_]+)'/g)].map((match) => match[1] ?? ''))
  const headings = [...docs.matchAll(/^#+ +`?(ERR_[A-Z_]+)`?.*$/gm)]
  const named = headings.map((match) => match[1] ?? '')
  if (codes.size === 0) return [`${sourcePath}:1: no codes found in WalErrorCode`]
  return [
    ...[...codes]
      .filter((code) => !named.includes(code))
      .map((code) => `${docsPath}:1: no heading for ${code}`),
    ...headings.flatMap((match, index) => {
      const code = named[index] ?? ''
      if (!codes.has(code))
        return [finding(docsPath, docs, match.index, `${code} is no error code`)]
      if (named.indexOf(code) === index) return []
      return [finding(docsPath, docs, match.index, `a second heading for ${code}`)]
    }),
  ]
}
