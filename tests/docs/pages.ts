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

/** Links of a page to a heading, of that page or of another, that is not there. */
export function brokenAnchors(
  page: string,
  markdown: string,
  textOf: (path: string) => string | undefined,
): readonly string[] {
  return [...markdown.matchAll(/\]\(([^)\s#:]*)#([^)\s]+)\)/g)].flatMap(
    ([, target = '', anchor = '']) => {
      const path = target === '' ? page : posix.normalize(posix.join(posix.dirname(page), target))
      const text = path === page ? markdown : textOf(path)
      if (text === undefined || anchorsOf(text).has(anchor)) return []
      return [`${page}: ${path} has no heading #${anchor}`]
    },
  )
}

function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map((heading) => {
      const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
      return text
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-')
    }),
  )
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

/** Tests that a page names in its tables, as `` `file.test.ts`: its title ``, and that are not in that file. */
export function missingTests(
  page: string,
  markdown: string,
  sourcesOf: (file: string) => readonly string[],
): readonly string[] {
  return [...markdown.matchAll(/`([\w-]+\.test\.ts)`: (.+?)(?: \(.*\))? \|$/gm)]
    .map(([, file = '', title = '']) => ({ file, title }))
    .filter(({ file, title }) => !sourcesOf(file).some((source) => hasTest(source, title)))
    .map(({ file, title }) => `${page}: ${file} has no test '${title}'`)
}

function hasTest(source: string, title: string): boolean {
  const titles = [...source.matchAll(/(['"`])((?:(?!\1).)+)\1/g)].map(([, , text = '']) => text)
  return titles.some((text) => fits(text, title))
}

/** A title may have places for values: `%s`. */
function fits(pattern: string, title: string): boolean {
  const [first = '', ...others] = pattern.split(/%[sdij]|\$\w+/)
  if (others.length === 0) return pattern === title
  return title.startsWith(first) && title.endsWith(others.at(-1) ?? '')
}
