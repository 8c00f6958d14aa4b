import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** What a process that consumes is told. */
export interface ChildSettings {
  readonly queueUrl: string
  readonly delayQueueUrl?: string
  readonly targetQueueUrls?: Readonly<Record<string, string>>
  /** It kills itself when it is about to delete a message from this queue. */
  readonly diesDeletingFrom?: string
}

/** One application of a record, in ms by the clock that all processes of the machine share. */
export interface Application {
  readonly id: string
  readonly key: string
  readonly begin: number
  readonly end: number
  readonly pid: number
}

/** How long it may take that something is applied. */
const patienceMs = 60_000

/** Processes that consume, and what they have applied. */
export class ConsumerProcesses {
  readonly applied: Application[] = []
  readonly #address: string
  readonly #children = new Set<ChildProcess>()

  constructor(address: string) {
    this.#address = address
  }

  /** Resolves once it consumes. */
  async start(settings: ChildSettings): Promise<ChildProcess> {
    const program = join(import.meta.dirname, 'consumer-child.ts')
    const args = ['--conditions=source', program, this.#address, JSON.stringify(settings)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#children.add(child)
    const isThere = new Promise<void>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const said = JSON.parse(line) as Partial<Application>
        if (said.id === undefined) resolve()
        else this.applied.push({ ...(said as Application), pid: child.pid ?? 0 })
      })
    })
    await Promise.race([isThere, ended(child)])
    return child
  }

  /** Resolves once so many records were applied, and rejects where that takes too long. */
  async until(count: number): Promise<void> {
    const distinct = (): number => new Set(this.applied.map(({ id }) => id)).size
    await this.#wait(() => distinct() >= count, `${count} records`)
  }

  /** Resolves once each of these processes has applied something, and rejects where that takes too long. */
  async untilAll(children: readonly ChildProcess[]): Promise<void> {
    const missing = (): boolean =>
      children.some((child) => !this.applied.some(({ pid }) => pid === child.pid))
    await this.#wait(() => !missing(), `something by ${children.length} processes`)
  }

  async #wait(isDone: () => boolean, what: string): Promise<void> {
    const latest = Date.now() + patienceMs
    while (!isDone()) {
      if (Date.now() > latest) {
        throw new Error(`${this.applied.length} applied in ${patienceMs} ms: waited for ${what}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  async end(): Promise<void> {
    const children = [...this.#children]
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.map(ended))
  }
}

/** Resolves with the signal that ended it, if any. */
export async function ended(child: ChildProcess): Promise<NodeJS.Signals | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.signalCode
}

/** Pairs of applications of one key that were under way at the same time. */
export function overlapsOf(
  applied: readonly Application[],
): readonly (readonly [Application, Application])[] {
  const overlaps: (readonly [Application, Application])[] = []
  for (const ofKey of Map.groupBy(applied, ({ key }) => key).values()) {
    const sorted = ofKey.toSorted((a, b) => a.begin - b.begin)
    for (const [at, next] of sorted.entries()) {
      const before = sorted.slice(0, at).findLast(({ end }) => end > next.begin)
      if (before !== undefined) overlaps.push([before, next])
    }
  }
  return overlaps
}
