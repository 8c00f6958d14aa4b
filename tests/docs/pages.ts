import { posix } from 'node:path'

/** Relative links of a page whose file does not exist. */
export function brokenLinks(
  page: string,
  markdown: string,
  exists: (path: string) => boolean,
): readonly string[] {
  return [...markdown.matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => posix.normalize(posix.join(posix.dirname(page), target)))
    .filter((path) => !exists(path))
    .map((path) => `${page}: ${path} does not exist`)
}

/** Scripts that a page tells its reader to run and package.json does not have. */
export function missingScripts(
  page: string,
  markdown: string,
  scripts: Readonly<Record<string, string>>,
): readonly string[] {
  return [...markdown.matchAll(/\b(?:npm|pnpm) run ([\w:-]+)/g)]
    .map((match) => match[1] ?? '')
    .filter((name) => !(name in scripts))
    .map((name) => `${page}: no script is named ${name}`)
}
