import { type Files, type Finding, finding, type Rule, select } from '../rule.ts'

// Rules that a regular expression can tell. This folder is left out of them: it holds the patterns.
const ownFolder = 'tests/tidy/'

/** Which files may be how long, in lines. A longer one holds two ideas. */
const lengths: readonly { readonly paths: RegExp; readonly maxLines: number }[] = [
  {
    paths: /^(packages|examples)\/[^/]+\/src\/.*\.ts$|^bench\/src\/.*\.ts$/,
    maxLines: 350,
  },
  { paths: /(^|\/)tests?\/.*\.ts$/, maxLines: 400 },
]

/** No file of sources or tests is longer than {@link lengths} says. */
export const fileLength: Rule = (files: Files): readonly Finding[] =>
  lengths.flatMap(({ paths, maxLines }) =>
    select(files, paths).flatMap(([path, text]) => {
      const lines = text.trimEnd().split('\n').length
      if (lines <= maxLines) return []
      return [`${path}:${lines}: ${lines} lines are too many (${maxLines}): it holds two ideas`]
    }),
  )

/** No test is left out, and none keeps the others from running. */
export const noLeftOutTests: Rule = forbid(
  /\.test\.ts$|\/testing\//,
  /\b(?:test|it|describe|suite|bench)(?:\.\w+)*\.(?:only|skip|todo|skipIf|runIf)\b|\b(?:fit|xit|xdescribe|xtest)\(/g,
  (match) => `${match}: every test runs, always`,
)

/** Nothing is left for later in a comment. */
export const noLeftovers: Rule = forbid(
  /\.(ts|mjs|md|ya?ml)$/,
  /\b(?:TODO|FIXME|XXX|HACK)\b/g,
  (match) => `${match}: do it, or open an issue`,
)

/** No path of one machine, and no address of a package registry. */
export const noMachine: Rule = forbid(
  /./,
  /(?<![\w.:/>}])\/(?:home|Users|root|work|tmp\/[a-z]{2,4})\/[\w.-]+|\b[A-Z]:\\Users\\|\bregistry\.(?:npmjs|yarnpkg|npmmirror)\b/g,
  (match) => `${match} exists on one machine, or is none of our business`,
)

/** The lockfile says what is installed, not from where. */
export const lockfileWithoutAddresses: Rule = forbid(
  /(^|\/)(pnpm-lock\.yaml|package-lock\.json)$/,
  /\b(?:tarball|resolved):|"resolved"|\bhttps?:\/\/\S+/g,
  (match) => `${match}: a download address in the lockfile`,
)

/** A rule that objects to each match of a pattern in the files that a path pattern selects. */
function forbid(paths: RegExp, pattern: RegExp, say: (match: string) => string): Rule {
  return (files) =>
    select(files, paths)
      .filter(([path]) => !path.startsWith(ownFolder))
      .flatMap(([path, text]) =>
        [...text.matchAll(pattern)].map((match) =>
          finding(path, text, match.index, say(match[0].trim())),
        ),
      )
}
