import type { WalRecord } from '@daybook/core'
import type { CassandraStatement } from './cassandra-client.ts'
import { classOf } from './cassandra-errors.ts'
import type { Sender } from './sender.ts'
import type { Work, WorkOrFailure } from './work.ts'

const anyNode: CassandraStatement = { query: 'SELECT key FROM system.local', params: [] }

/** What a probe needs of its target. */
interface ProbeOptions<P> {
  readonly sender: Sender
  /** False where a change that is sent once more may be made once more. */
  readonly isIdempotent: boolean
  workOf(record: WalRecord<P>): Promise<WorkOrFailure>
  /** True if what this error says of the work is that the target is down. */
  isOutage(error: unknown, work: Work): Promise<boolean>
}

interface Failed<P> {
  readonly record: WalRecord<P>
  /** Reads the row; undefined where nobody knows which it is. */
  readonly read: CassandraStatement | undefined
}

/**
 * Asks whether what failed last can be written by now. Any node that answers tells little: the replicas of
 * one part of the rows may be down while all others are there.
 */
export class Probe<P> {
  readonly #options: ProbeOptions<P>
  #failed: Failed<P> | undefined
  /** The role has no right to `SELECT`. */
  #mayNotRead = false

  constructor(options: ProbeOptions<P>) {
    this.#options = options
  }

  /** The target was down for this record. */
  failed(record: WalRecord<P>, read: CassandraStatement | undefined): void {
    this.#failed = { record, read }
  }

  /** True where there is no way to ask for this one alone: neither its row can be read, nor the change be sent again. */
  isBlind(read: CassandraStatement | undefined): boolean {
    return !this.#options.isIdempotent && (read === undefined || this.#mayNotRead)
  }

  /** Rejects with the driver's error while it is down. */
  async look(): Promise<void> {
    const failed = this.#failed
    if (failed === undefined) await this.anyNode()
    else if (!(await this.#reads(failed))) await this.#sendAgain(failed.record)
    if (this.#failed === failed) this.#failed = undefined
  }

  /** Rejects if no node answers. */
  async anyNode(): Promise<void> {
    await this.#options.sender.read(anyNode)
  }

  /** False where there is nothing that may be read. */
  async #reads({ read }: Failed<P>): Promise<boolean> {
    if (read === undefined || this.#mayNotRead) return false
    try {
      await this.#options.sender.read(read)
      return true
    } catch (error) {
      if (classOf(error).code !== 'unauthorized') throw error
      this.#mayNotRead = true
      return false
    }
  }

  /** It has its own timestamp, and comes again after this: once more changes nothing. */
  async #sendAgain(record: WalRecord<P>): Promise<void> {
    const { isIdempotent, sender, workOf, isOutage } = this.#options
    if (!isIdempotent) return this.anyNode()
    // Made anew: what is left of a time to live is less by now.
    const work = await workOf(record)
    if ('status' in work) return this.anyNode()
    try {
      await sender.sendOne(work)
    } catch (error) {
      // Any other failure is the record's own, and told when it comes.
      if (await isOutage(error, work)) throw error
    }
  }
}
