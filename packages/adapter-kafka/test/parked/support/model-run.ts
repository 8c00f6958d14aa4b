import { makeStoredRecord } from '@daybook/core/testing'
import { noteOf } from '../../../src/consumer/progress-text.ts'
import type { KafkaMessage } from '../../../src/index.ts'
import { messageOf } from '../../../src/kafka-message.ts'
import { Cluster } from './model-cluster.ts'
import { ModelProcess, type Shared } from './model-process.ts'
import { Machine, World } from './model-world.ts'

const partitions = 2
const keys = ['x', 'y', 'z', 'w']

function partitionOf(key: string): number {
  return keys.indexOf(key) % partitions
}

/** What only some runs have, so that the others stay as they were. */
export interface Troubles {
  /** Ends of the parked topic look nearer than they are for a moment. */
  readonly lags?: boolean
  /** Processes are told to end. */
  readonly closes?: boolean
}

/** Some seconds of processes that come, stand still and die, over a network that loses and delays; then peace. */
export class Run {
  readonly world: World
  readonly cluster: Cluster
  readonly shared: Shared = {
    ...{ letters: new Map(), epochs: new Map(), applied: new Map() },
    ...{ dead: new Set(), redriven: new Set(), unsettled: new Set(), errors: [] },
  }
  readonly written = new Map<string, number>()
  readonly processes: ModelProcess[] = []
  #machines = 0
  readonly #closes: boolean

  constructor(seed: number, { lags = false, closes = false }: Troubles = {}) {
    this.world = new World(seed)
    this.cluster = new Cluster(this.world, partitions, lags)
    this.#closes = closes
  }

  async rough(steps: number): Promise<void> {
    const { random } = this.world
    this.#start()
    this.#start()
    for (let step = 0; step < steps; step++) {
      for (let writes = random.integer(0, 4); writes > 0; writes--) this.#write(random.pick(keys))
      const what = random.next()
      const living = this.processes.filter(({ machine }) => machine.isAlive)
      if (what < 0.06) this.#start()
      else if (what < 0.1 && living.length > 0) random.pick(living).machine.isAlive = false
      else if (what < 0.18 && living.length > 0)
        random.pick(living).machine.stop(random.integer(20, 1_500))
      else if (what < 0.26 && living.length > 0 && this.#closes) void random.pick(living).close()
      if (random.chance(0.12)) this.cluster.rebalance()
      if (random.chance(0.15)) this.#actOnLetter()
      await this.world.run(random.integer(10, 120))
      this.#look()
    }
  }

  /** Nothing fails any more, and every letter is dealt with. */
  async peace(): Promise<void> {
    this.world.isRough = false
    await this.world.run(6_000)
    this.#start()
    this.cluster.rebalance()
    await this.world.run(1_000)
    for (let round = 0; round < 40 && !this.isDone; round++) {
      for (const key of [...this.shared.letters.keys()]) {
        // Whose process died between the end of the copy and that of its letter: somebody looks at it in the end.
        if (round > 10) this.shared.letters.delete(key)
        else this.#deal(key, round % 2 === 0)
      }
      await this.world.run(1_500, () => this.isDone)
      this.#look()
    }
  }

  get isDone(): boolean {
    return this.leftovers().length === 0
  }

  /** What is not done with, or not committed. */
  leftovers(): readonly string[] {
    const left: string[] = []
    for (const [key, count] of this.written) {
      const applied = new Set(this.shared.applied.get(key)?.map(({ n }) => n))
      for (let n = 0; n < count; n++) {
        if (!applied.has(n) && !this.shared.dead.has(`${key} ${n}`)) left.push(`${key} ${n}`)
      }
    }
    for (let partition = 0; partition < partitions; partition++) {
      const place = { topic: 't', partition }
      const commit = this.cluster.commits.get(`t/${partition}`)
      const end = this.cluster.log(place).entries.length
      if ((commit?.offset ?? 0) !== end)
        left.push(`commit ${partition}: ${commit?.offset} of ${end}`)
      const parked = noteOf(0, commit?.metadata ?? '').parked?.count ?? 0
      if (parked > 0) left.push(`parked ${partition}: ${parked}`)
    }
    if (this.shared.letters.size > 0) left.push(`letters of ${[...this.shared.letters.keys()]}`)
    return left
  }

  /** Where a key's records went on without all that stood before, or an older one was applied last. */
  disorders(): readonly string[] {
    // Of what was applied and not committed in a generation that its owner missed nobody can know: it may have turned an
    // order, but nothing is lost by it.
    if (!this.cluster.tellsOfMissed) return []
    return [...this.shared.applied].flatMap(([key, applied]) => {
      const isDead = (n: number): boolean => this.shared.dead.has(`${key} ${n}`)
      const text = applied.map(({ n, isCopy }) => (isCopy ? `${n}R` : n)).join(' ')
      let last = -1
      for (const { n, isCopy } of applied) {
        // A copy goes before whatever waits; also before what stands before its letter, and has come again.
        if (isCopy) continue
        for (let before = last + 1; before < n; before++) {
          if (!isDead(before)) return [`${key}: ${text}, ${n} without ${before}`]
        }
        last = n
      }
      // What was applied, and dead when it came again, may have been discarded.
      const late = applied.filter(({ n, isCopy }, at) => {
        const newest = Math.max(...applied.slice(0, at).map((one) => (isDead(one.n) ? -1 : one.n)))
        const again = applied.slice(at).some((one) => !one.isCopy && one.n === newest)
        return newest > n && !again && (isCopy || !isDead(n))
      })
      return late.map(({ n }) => `${key}: ${text}, ends with ${n}`)
    })
  }

  #start(): void {
    const machine = new Machine(this.world, `m${this.#machines++}`)
    const one = new ModelProcess(machine, this.cluster, partitions, this.shared)
    this.processes.push(one)
    one.run().catch((error: unknown) => this.shared.errors.push(error))
  }

  #look(): void {
    for (const one of this.processes) one.look()
  }

  #write(key: string): void {
    const n = this.written.get(key) ?? 0
    this.written.set(key, n + 1)
    this.#append(key, n, 0)
  }

  #append(key: string, n: number, attemptEpoch: number): void {
    const id = `${key} ${n}`
    const record = makeStoredRecord({ id, key, attemptEpoch, headers: { n: String(n) } })
    const message: KafkaMessage = messageOf(record)
    this.cluster.append({ topic: 't', partition: partitionOf(key) }, [message])
  }

  #actOnLetter(): void {
    const all = [...this.shared.letters.keys()]
    if (all.length > 0) this.#deal(this.world.random.pick(all), this.world.random.chance(0.5))
  }

  /** It is redriven, and goes once its copy has come to its end; or it is discarded. */
  #deal(key: string, isRedriven: boolean): void {
    const { letters, epochs, redriven, unsettled } = this.shared
    const n = letters.get(key) ?? 0
    const name = `${key} ${n}`
    if (redriven.has(name)) return
    if (!isRedriven) {
      if (!unsettled.has(name)) letters.delete(key)
    } else {
      redriven.add(name)
      this.#append(key, n, (epochs.get(name) ?? 0) + 1)
    }
  }
}
