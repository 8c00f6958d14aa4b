import type { QueueConfiguration, Role, ScanPlan } from '../configuration.ts'
import type { Acknowledged } from './check.ts'
import { WorkerProcess } from './worker-process.ts'

/** What all processes of one run have in common. */
export interface Common {
  /** Where their configurations are written. */
  readonly directory: string
  readonly table: string
  readonly scans: Omit<ScanPlan, 'saved'>
  queueOf(name: string): QueueConfiguration
}

/** The processes of one run. */
export class Crew {
  readonly #common: Common
  readonly #workers = new Set<WorkerProcess>()
  /** What those who are gone had said was durable. */
  readonly #left: Acknowledged[] = []

  constructor(common: Common) {
    this.#common = common
  }

  /** Starts a process. One that had been there before, by its name, goes on where it was. */
  start(name: string, ...roles: readonly Role[]): WorkerProcess {
    const { directory, table, scans, queueOf } = this.#common
    const saved: Record<string, number> = {}
    for (const { key, number } of this.#left) saved[key] = Math.max(number, saved[key] ?? 0)
    const configuration = { name, roles, queue: queueOf(name), table, scans: { ...scans, saved } }
    const worker = new WorkerProcess(configuration, directory)
    this.#workers.add(worker)
    return worker
  }

  /** All that is known to be durable. */
  get acknowledged(): readonly Acknowledged[] {
    return [...this.#left, ...[...this.#workers].flatMap((worker) => worker.acknowledged)]
  }

  /** Throws if one of them ended by itself. */
  get isReady(): boolean {
    return [...this.#workers].every((worker) => worker.isReady)
  }

  /** What they complained of. */
  get complaints(): readonly string[] {
    return [...this.#workers].flatMap(({ name, complaints }) =>
      complaints.map((text) => `${name}: ${text}`),
    )
  }

  /** Ends one without warning; resolves with the signal it died of. */
  async kill(worker: WorkerProcess): Promise<NodeJS.Signals | null> {
    const signal = await worker.kill()
    this.#part(worker)
    return signal
  }

  /** Has those of that role close; true if each did so in peace. */
  async stop(role: Role): Promise<boolean> {
    const theirs = [...this.#workers].filter(({ configuration }) => {
      return configuration.roles.includes(role)
    })
    const codes = await Promise.all(theirs.map((worker) => worker.stop()))
    for (const worker of theirs) this.#part(worker)
    return codes.every((code) => code === 0)
  }

  /** Leaves nobody behind. */
  async end(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.kill()))
  }

  #part(worker: WorkerProcess): void {
    this.#workers.delete(worker)
    this.#left.push(...worker.acknowledged)
  }
}
