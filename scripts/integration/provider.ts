import type { ServerName } from '../../services/src/servers/index.ts'

/** What a provider goes by. */
export interface ProviderOptions {
  /** True where a server that cannot be had is a failure, whatever the reason. */
  readonly isCi: boolean
  /** What the machine lacks for a server, in a person's words. */
  lacks(name: ServerName): readonly string[]
  /** Starts it; answers why it did not start. */
  start(name: ServerName): Promise<string | undefined>
  /** Told of each server that did not start. */
  failed(name: ServerName, reason: string): void
}

/** Sees to it that the servers of suites are there, and keeps in mind which are not. */
export class Provider {
  readonly #options: ProviderOptions
  readonly #absent = new Map<ServerName, string>()

  constructor(options: ProviderOptions) {
    this.#options = options
  }

  /** False where a server cannot be had; `why` then says the reason. It is not tried a second time. */
  async provide(name: ServerName): Promise<boolean> {
    if (this.#absent.has(name)) return false
    const { isCi, lacks, start, failed } = this.#options
    const lacking = isCi ? [] : lacks(name)
    if (lacking.length > 0) {
      this.#absent.set(name, `${name} needs ${lacking.join(', ')}`)
      return false
    }
    const failure = await start(name)
    if (failure === undefined) return true
    this.#absent.set(name, `${name} did not start`)
    failed(name, failure)
    return false
  }

  /** Why suites that need these servers were not run; empty where they all could be had. */
  why(names: readonly ServerName[]): string {
    return names.flatMap((name) => this.#absent.get(name) ?? []).join('; ')
  }
}
