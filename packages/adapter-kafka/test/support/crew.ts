import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Places } from '../../src/places.ts'
import { type ClientName, clientFor } from './clients.ts'
import type { ChildMessage } from './consumer-child.ts'

/** One record's application, in ms by the clock that the processes share. */
export interface Application {
  readonly id: string
  readonly key: string
  readonly version: bigint
  /** What the record says. */
  readonly n: number
  readonly pid: number
  readonly begin: number
  readonly end: number
  /** Whether its process had the key's partition when it began, by what it had been told last. */
  readonly isOwn: boolean
}

/** Consumers in processes of their own, and what they have applied, in the order they said so. */
export class Crew {
  readonly applied: Application[] = []
  readonly #name: ClientName
  readonly #broker: string
  readonly #topic: string
  readonly #places: Places
  readonly #children = new Set<ChildProcess>()

  constructor(name: ClientName, broker: string, topic: string, partitions = 6) {
    this.#name = name
    this.#broker = broker
    this.#topic = topic
    this.#places = new Places([[topic, partitions]])
  }

  /** Resolves once it consumes; with `dies`, once it is dead. */
  async start(mode: 'lives' | 'dies' = 'lives'): Promise<ChildProcess> {
    const program = new URL('./consumer-child.ts', import.meta.url)
    const child = fork(program, [this.#name, this.#broker, this.#topic, mode], {
      execArgv: ['--conditions=source', '--no-warnings'],
    })
    this.#children.add(child)
    this.#listen(child)
    await (mode === 'dies' ? once(child, 'exit') : said(child, 'started'))
    return child
  }

  /** Has it leave in good order. */
  async leave(child: ChildProcess): Promise<void> {
    const closed = said(child, 'closed')
    child.send('leave')
    await closed
  }

  /** Resolves once so many records were applied. */
  async until(count: number): Promise<void> {
    while (new Set(this.applied.map(({ id }) => id)).size < count) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** For each partition of a topic, how many records a group has not committed. */
  async uncommitted(group: string, topic: string): Promise<readonly number[]> {
    const admin = await clientFor(this.#name, this.#broker).admin()
    try {
      const committed = await admin.committed(group, topic)
      const bounds = await admin.bounds(topic)
      return bounds.map(({ first, next }, at) => next - (committed.get(at)?.offset ?? first))
    } finally {
      await admin.close()
    }
  }

  kill(): void {
    for (const child of this.#children) child.kill('SIGKILL')
  }

  #listen(child: ChildProcess): void {
    let own: readonly number[] = []
    const pid = child.pid ?? 0
    // Of what was given or taken while an application was under way, when, and what it had before.
    const changes: { readonly at: number; readonly before: readonly number[] }[] = []
    child.on('message', (message: ChildMessage) => {
      if (message.event === 'assigned') {
        changes.push({ at: message.at, before: own })
        own = message.partitions
      }
      if (message.event !== 'applied') return
      const { records, begin, end } = message
      const ownThen = changes.find(({ at }) => at > begin)?.before ?? own
      for (const [id, key, version, n] of records) {
        const { partition } = this.#places.of(Buffer.from(key))
        const isOwn = ownThen.includes(partition)
        this.applied.push({ id, key, version: BigInt(version), n, pid, begin, end, isOwn })
      }
    })
  }
}

/** What a store that guards by version, and so does not mind repeats, is left with. */
export function rowsOf(applied: readonly Application[]): ReadonlyMap<string, number> {
  const rows = new Map<string, Application>()
  for (const one of applied) {
    if ((rows.get(one.key)?.version ?? 0n) < one.version) rows.set(one.key, one)
  }
  return new Map([...rows].map(([key, { n }]) => [key, n]))
}

/** Pairs of applications of one key that were under way at the same time, the earlier one first. */
export function overlapsOf(
  applied: readonly Application[],
): readonly (readonly [Application, Application])[] {
  return [...Map.groupBy(applied, ({ key }) => key).values()].flatMap((ofKey) => {
    const sorted = ofKey.toSorted((a, b) => a.begin - b.begin)
    return sorted.flatMap((next, at) => {
      const before = sorted.slice(0, at).findLast(({ end }) => end > next.begin)
      return before === undefined ? [] : [[before, next] as const]
    })
  })
}

function said(child: ChildProcess, event: ChildMessage['event']): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message: ChildMessage) => {
      if (message.event === event) resolve()
    })
  })
}
