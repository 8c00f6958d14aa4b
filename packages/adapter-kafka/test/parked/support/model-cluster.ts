import type {
  KafkaAdmin,
  KafkaClient,
  KafkaCommit,
  KafkaEntry,
  KafkaGroup,
  KafkaGroupListener,
  KafkaMessage,
  KafkaPlace,
} from '../../../src/index.ts'
import { nameOf } from '../../../src/places.ts'
import type { Machine, World } from './model-world.ts'

interface Log {
  first: number
  readonly entries: KafkaEntry[]
}

interface Member {
  readonly machine: Machine
  readonly listener: KafkaGroupListener
  /** Of which it was told last; 0 while it is no member. */
  generation: number
  readonly reading: Map<string, { place: KafkaPlace; next: number }>
  hasLeft: boolean
  /** It was not told of the generation before. */
  hasMissed: boolean
  /** When it is told of the last generation: of each after the one before. */
  toldAt: number
  /** Of generations before this one it is told no more: it was thrown out since. */
  since: number
  /** In which it has asked last how far the group is, and in which it has heard it. */
  asked: number
  heard: number
}

/** A cluster with one group, in memory. It refuses commits of old generations, and messages of nobody. */
export class Cluster {
  readonly #world: World
  /** Clients learn of a generation that they have missed, unless an answer is lost at the wrong moment. */
  readonly tellsOfMissed: boolean
  readonly #partitions: number
  readonly #logs = new Map<string, Log>()
  readonly commits = new Map<string, KafkaCommit>()
  #members: Member[] = []
  /** Who has each partition, by generation. */
  readonly #owners: (readonly (Member | undefined)[])[] = [[]]

  /** Ends of the parked topic look nearer than they are for a moment. */
  readonly #lags: boolean

  constructor(world: World, partitions: number, lags: boolean) {
    this.#lags = lags
    this.#world = world
    this.#partitions = partitions
    this.tellsOfMissed = world.random.chance(0.7)
  }

  log({ topic, partition }: KafkaPlace): Log {
    const name = nameOf({ topic, partition })
    const known = this.#logs.get(name) ?? { first: 0, entries: [] }
    this.#logs.set(name, known)
    return known
  }

  append(place: KafkaPlace, messages: readonly KafkaMessage[]): void {
    const { entries } = this.log(place)
    for (const message of messages) {
      entries.push({ ...message, offset: entries.length, timestamp: this.#world.now })
    }
  }

  /** True where this machine has the partition, and nobody else had it since it heard how far the group is. */
  owns(machine: Machine, partition: number): boolean {
    const member = this.#members.find((one) => one.machine === machine)
    if (member === undefined || member.generation === 0) return false
    if (member.heard !== member.asked) return false
    return this.#owners.slice(member.heard).every((owners) => owners[partition] === member)
  }

  /** Everybody is given partitions anew, but those that stand still or are dead. */
  rebalance(): void {
    this.#members = this.#members.filter((one) => {
      const isHere = one.machine.isAlive && !one.machine.isStopped && !one.hasLeft
      // It learns of it when it goes on, and comes back.
      if (!isHere && one.machine.isAlive && !one.hasLeft)
        one.machine.reach(() => this.#expelled(one))
      return isHere
    })
    const generation = this.#owners.length
    const turn = this.#world.random.integer(0, 10)
    const all = Array.from({ length: this.#partitions }, (_, partition) => partition)
    const ownerOf = (partition: number): Member | undefined =>
      this.#members[(partition + turn) % Math.max(1, this.#members.length)]
    this.#owners.push(all.map(ownerOf))
    for (const member of this.#members) {
      const places = all
        .filter((partition) => ownerOf(partition) === member)
        .map((partition) => ({ topic: 't', partition }))
      const { now, random } = this.#world
      member.toldAt = Math.max(
        member.toldAt,
        now + random.integer(0, random.chance(0.3) ? 400 : 30),
      )
      this.#world.after(member.toldAt - now, () =>
        member.machine.reach(() => this.#told(member, generation, places)),
      )
    }
  }

  client(machine: Machine): KafkaClient {
    return {
      name: 'model',
      admin: async () => this.admin(machine),
      sender: async () => ({
        send: (place, messages) => machine.ask(() => this.append(place, messages), true),
        close: async () => {},
      }),
      group: async (_, listener) => this.#group(machine, listener),
      reader: async (topic) => ({
        read: (partition, from, to, signal) =>
          this.#read(machine, { topic, partition }, from, to, signal),
        close: async () => {},
      }),
    }
  }

  /** `isMembers`: what its membership asks with. */
  admin(machine: Machine, isMembers = false): KafkaAdmin {
    const bounds = (topic: string) =>
      Array.from({ length: this.#partitions }, (_, partition) => {
        const { first, entries } = this.log({ topic, partition })
        const lag =
          this.#lags && topic !== 't' && this.#world.chance(0.2)
            ? this.#world.random.integer(0, 4)
            : 0
        return { first, next: Math.max(first, entries.length - lag) }
      })
    const memberOf = () => this.#members.find((one) => one.machine === machine)
    return {
      bounds: async (topic: string) => {
        const found = await machine.ask(() => bounds(topic))
        const member = memberOf()
        if (isMembers && topic === 't' && member) member.heard = member.asked
        return found
      },
      committed: (_: string, topic: string) => {
        const member = memberOf()
        if (isMembers && member) Object.assign(member, { asked: member.generation, heard: 0 })
        return machine.ask(() => {
          const own = [...this.commits.values()].filter((one) => one.topic === topic)
          return new Map(own.map((one) => [one.partition, one]))
        })
      },
      deleteBefore: (places: readonly (KafkaPlace & { offset: number })[]) =>
        machine.ask(() => {
          for (const place of places) {
            const log = this.log(place)
            log.first = Math.max(log.first, place.offset)
          }
        }),
      close: async () => {},
    } as unknown as KafkaAdmin
  }

  #told(member: Member, generation: number, places: readonly KafkaPlace[]): void {
    if (member.hasLeft || !this.#members.includes(member) || generation < member.since) return
    if (this.#world.random.chance(0.5)) member.listener.rebalancing()
    // It was late to ask for its part, and others had theirs: it joins the next generation under the same name.
    if (generation < this.#owners.length - 1 && this.#world.chance(0.5)) {
      member.hasMissed = true
      return
    }
    if (member.hasMissed && this.tellsOfMissed) {
      member.reading.clear()
      member.listener.assigned([])
    }
    member.hasMissed = false
    // What its clock is told by then is of the generation before.
    member.generation = generation
    const kept = new Set(places.map(nameOf))
    for (const name of member.reading.keys()) if (!kept.has(name)) member.reading.delete(name)
    member.listener.assigned(places)
  }

  #expelled(member: Member): void {
    if (member.hasLeft) return
    member.generation = 0
    member.since = this.#owners.length
    member.reading.clear()
    member.listener.assigned([])
    this.#members.push(member)
    this.rebalance()
  }

  #group(machine: Machine, listener: KafkaGroupListener): KafkaGroup {
    const member: Member = {
      machine,
      listener,
      generation: 0,
      reading: new Map(),
      hasLeft: false,
      hasMissed: false,
      toldAt: 0,
      since: 0,
      asked: 0,
      heard: 0,
    }
    this.#members.push(member)
    this.rebalance()
    const fetch = (): void => {
      for (const [name, at] of member.reading) this.#fetch(member, name, at)
      if (!member.hasLeft) machine.clock.setTimer(this.#world.random.integer(1, 10), fetch)
    }
    machine.clock.setTimer(1, fetch)
    return {
      read: (place, next) => void member.reading.set(nameOf(place), { place, next }),
      pause: (place) => void member.reading.delete(nameOf(place)),
      commit: (commits) => {
        const { generation } = member
        return machine.ask(() => {
          const isCurrent = generation === this.#owners.length - 1 && this.#members.includes(member)
          if (!isCurrent) throw Object.assign(new Error('old'), { type: 'ILLEGAL_GENERATION' })
          for (const commit of commits) this.commits.set(nameOf(commit), commit)
        })
      },
      close: async () => {
        member.hasLeft = true
        this.rebalance()
      },
    }
  }

  #fetch(member: Member, name: string, at: { place: KafkaPlace; next: number }): void {
    const { entries } = this.log(at.place)
    const lot = entries.slice(at.next, at.next + this.#world.random.integer(1, 4))
    if (lot.length === 0) return
    const next = at.next + lot.length
    member.reading.set(name, { place: at.place, next })
    member.listener.entries(at.place, lot, next)
  }

  async *#read(
    machine: Machine,
    place: KafkaPlace,
    from: number,
    to: number,
    signal?: AbortSignal,
  ): AsyncIterable<readonly KafkaEntry[]> {
    for (let next = from; next < to && !signal?.aborted; ) {
      const start = next
      const length = this.#world.random.integer(1, 5)
      const lot = await machine.ask(() => {
        const { first, entries } = this.log(place)
        if (start < first) throw new Error('OFFSET_OUT_OF_RANGE')
        return entries.slice(start, Math.min(to, start + length))
      })
      next = start + Math.max(1, lot.length)
      yield lot
    }
  }
}
