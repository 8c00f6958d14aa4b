/** Something of the machine's own that a server cannot do without. */
export interface Need {
  /** As a person would say it: `Java 17`. */
  readonly what: string
  /** What was found, as a path; undefined where the machine lacks it. */
  find(): string | undefined
  /** The command that gets it, or a sentence that says where it comes from. */
  readonly remedy: string
  /** The Debian packages that bring it, where there are some: root gets them without being asked. */
  readonly packages?: readonly string[]
}

/** What was found; an error that says what to do where it is missing. */
export function demand(need: Need): string {
  const found = need.find()
  if (found === undefined) throw new Error(`${need.what} is missing. ${need.remedy}`)
  return found
}
