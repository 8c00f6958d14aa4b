import type { KafkaCommit } from '../kafka-client.ts'

type Commit = Pick<KafkaCommit, 'offset' | 'metadata'>

/** Commits of which no answer came that are remembered; one that is not is taken for another's, which does no harm. */
const mostUnanswered = 64

/** Counts what has changed in a partition, and tells what of it the cluster knows. */
export class Changes {
  #now = 0
  readonly #collected = { any: 0, whole: 0 }
  #saved = { any: 0, whole: 0 }
  /** The commit that the cluster had last for certain, and those since that it may have. */
  #commits: string[] = []

  /** So much has changed up to now. */
  get now(): number {
    return this.#now
  }

  /** Something more has changed. */
  add(): void {
    this.#now++
  }

  /** The cluster has this commit. */
  begin(commit: Commit): void {
    this.#commits = [textOf(commit)]
  }

  /** A commit was made up. One that is not whole has no room for all that is done with. */
  collect(commit: Commit, isWhole: boolean): void {
    this.#collected.any = this.#now
    if (isWhole) this.#collected.whole = this.#now
    const text = textOf(commit)
    if (this.#commits.at(-1) !== text) this.#commits.push(text)
    if (this.#commits.length > mostUnanswered) this.#commits.shift()
  }

  /** The commit that was made up last has come through. */
  save(): void {
    this.#saved = { ...this.#collected }
    this.#commits.splice(0, this.#commits.length - 1)
  }

  /** True once the cluster knows of all that had changed by then. */
  isSaved(count: number): boolean {
    return this.#saved.whole >= count
  }

  /** True once the cluster knows what was noted by then, though perhaps not all that was done with. */
  isNoted(count: number): boolean {
    return this.#saved.any >= count
  }

  /** False for a commit that somebody else has made since. */
  isOwn(commit: Commit): boolean {
    return this.#commits.includes(textOf(commit))
  }
}

function textOf({ offset, metadata }: Commit): string {
  return `${offset} ${metadata}`
}
