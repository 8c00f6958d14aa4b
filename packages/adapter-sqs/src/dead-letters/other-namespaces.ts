import { WalError } from '@daybook/core'

/** What was seen of other namespaces in a queue of dead letters. Told once of each. */
export class OtherNamespaces {
  readonly #queueUrl: string
  readonly #report: (error: WalError) => void
  /** How many letters were seen, by the namespaces that are not told of yet. */
  readonly #seen = new Map<string, number>()
  readonly #told = new Set<string>()

  constructor(queueUrl: string, report: (error: WalError) => void) {
    this.#queueUrl = queueUrl
    this.#report = report
  }

  /** A letter of that namespace was passed over. */
  passedOver(namespace: string): void {
    if (this.#told.has(namespace)) return
    this.#seen.set(namespace, (this.#seen.get(namespace) ?? 0) + 1)
  }

  /** Tells what was counted. */
  tell(): void {
    for (const [namespace, count] of this.#seen) {
      this.#told.add(namespace)
      const text = `The queue ${this.#queueUrl} has dead letters of namespace '${namespace}' as well, ${count} of them seen. They are passed over here. While either looks, the letters of both are hidden: give each namespace a dead-letter queue of its own.`
      this.#report(new WalError('ERR_CONFIG', text))
    }
    this.#seen.clear()
  }
}
