import type { KafkaCommit } from '../kafka-client.ts'

type Commit = Pick<KafkaCommit, 'offset' | 'metadata'>

/** Commits of which no answer came that are remembered; one that is not is taken for another's, which does no harm. */
const mostUnanswered = 64

/** Counts what has changed in a partition, and tells what of it the cluster knows. */
export class Changes {
  #now = 0
  #collected = { count: 0, isWhole: false }
  #noted = 0
  #saved = 0
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

  /** A commit was made up. One that is not whole lacks something that every commit has to have. */
  collect(commit: Commit, isWhole: boolean): void {
    this.#collected = { count: this.#now, isWhole }
    const text = textOf(commit)
    if (this.#commits.at(-1) !== text) this.#commits.push(text)
    if (this.#commits.length > mostUnanswered) this.#commits.shift()
  }

  /** The commit that was made up last has come through. */
  save(): void {
    const { count, isWhole } = this.#collected
    this.#noted = count
    if (isWhole) this.#saved = count
    this.#commits.splice(0, this.#commits.length - 1)
  }

  /** True once the cluster knows of all that had changed by then, as far as it has to. */
  isSaved(count: number): boolean {
    return this.#saved >= count
  }

  /** True once the cluster knows what was noted by then, though perhaps not what was done with. */
  isNoted(count: number): boolean {
    return this.#noted >= count
  }

  /** False for a commit that somebody else has made since. */
  isOwn(commit: Commit): boolean {
    return this.#commits.includes(textOf(commit))
  }
}

function textOf({ offset, metadata }: Commit): string {
  return `${offset} ${metadata}`
}
