/** The repository's text files by path, with `/` between folders. */
export type Files = ReadonlyMap<string, string>

/** Something a rule objects to: `path:line: what is wrong and what to do`. */
export type Finding = string

/** A rule of this repository. Pure, so that its own test can show it a bad sample. */
export type Rule = (files: Files) => readonly Finding[]

/** Says where and what, the way editors make clickable. */
export function finding(path: string, text: string, index: number, message: string): Finding {
  const line = text.slice(0, index).split('\n').length
  return `${path}:${line}: ${message}`
}

/** The files whose path matches. */
export function select(files: Files, pattern: RegExp): readonly (readonly [string, string])[] {
  return [...files].filter(([path]) => pattern.test(path))
}
