import { WalError } from './errors.ts'

export interface StrayRecordsOptions {
  readonly namespace: string
  /** Names of the targets that there are. */
  readonly targets: readonly string[]
  report(error: WalError): void
}

/** Names that are told of at most: a program that makes names up must not fill the memory. */
const mostNames = 1_000

/**
 * Tells of records that name a target which the namespace does not have any more. No other target gets
 * them, and who took the target out may not know that some still wait. Once for each name.
 */
export class StrayRecords {
  readonly #options: StrayRecordsOptions
  readonly #known: ReadonlySet<string>
  readonly #told = new Set<string>()

  constructor(options: StrayRecordsOptions) {
    this.#options = options
    this.#known = new Set(options.targets)
  }

  /**
   * A record that names this target was passed over: in most cases because another target gets it. `isPart`: it stands for a
   * transaction, which may be for others as well.
   */
  passedOver(target: string, isPart = false): void {
    if (this.#known.has(target) || this.#told.has(target) || this.#told.size >= mostNames) return
    this.#told.add(target)
    const { namespace, report } = this.#options
    const what = isPart ? 'A transaction has mutations for' : 'A record is for'
    const alone = isPart ? '' : ' alone'
    const rest = isPart ? ' The transaction has not ended until it has.' : ''
    const facts = `${what} target '${target}'${alone}, and namespace '${namespace}' has no such target (it has ${[...this.#known].join(', ')}). No other gets ${isPart ? 'them' : 'it'}.`
    const help =
      'Configure the target again, and it gets what the queue still keeps of its records.'
    report(new WalError('ERR_UNKNOWN_TARGET', `${facts} ${help}${rest}`))
  }
}
