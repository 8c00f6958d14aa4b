import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { QueueConfiguration } from '../queue.ts'
import type { Change } from './changes.ts'
import { ServiceClient } from './service-client.ts'
import { ServiceProcess } from './service-process.ts'
import { TargetTally } from './tally.ts'

/** Everything that takes part in the demo. */
export class Stage {
  readonly changes: readonly Change[]
  readonly service: ServiceProcess
  readonly client: ServiceClient
  readonly tallies = { database: new TargetTally(), search: new TargetTally() }
  readonly files: { readonly database: string; readonly search: string }
  readonly #startedAt = performance.now()

  constructor(directory: string, changes: readonly Change[], queue?: QueueConfiguration) {
    this.changes = changes
    this.files = {
      database: join(directory, 'films.sqlite'),
      search: join(directory, 'search.sqlite'),
    }
    this.service = new ServiceProcess(directory, queue, (line) => {
      if (line.event === 'error') console.error(`The service reports: ${line.message}`)
      else if ('target' in line) this.#tallyOf(line.target).take(line)
    })
    this.client = new ServiceClient(this.service)
  }

  /** The part of all changes that have been acknowledged, 0 to 1. */
  get acknowledgedPart(): number {
    return this.client.acknowledged.length / this.changes.length
  }

  /** Seconds since the demo began, for the margin: ` 3.1 s`. */
  get time(): string {
    return `${((performance.now() - this.#startedAt) / 1_000).toFixed(1).padStart(5)} s`
  }

  #tallyOf(target: string): TargetTally {
    return target === 'search' ? this.tallies.search : this.tallies.database
  }
}

/** Waits for a condition; after `patienceMs` fails with what it waited for. */
export async function until(
  what: string,
  condition: () => boolean,
  patienceMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain until ${what}`)
    await sleep(5)
  }
}
