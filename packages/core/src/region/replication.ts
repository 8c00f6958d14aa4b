import type { Clock } from '../clock.ts'
import { ConfigError, type ConfigIssue } from '../config/config-error.ts'
import type { ResolvedReplication } from '../config/replication.ts'
import { localRegion } from '../config/resolve.ts'
import type { WalError } from '../errors.ts'
import type { WalEmitter } from '../events.ts'
import type { ForwardedRecord, Op, RecordFields, WalRecord } from '../record.ts'
import { applied, held, type Outcome, permanent, type Target } from '../target/target.ts'
import type { VersionClock } from '../version.ts'
import { Arrivals } from './arrivals.ts'
import { ClockWatch } from './clock-watch.ts'
import { DeleteMemory } from './delete-memory.ts'
import { guarded } from './guarded-target.ts'
import { patchlessTarget, patchRefusal } from './patches.ts'
import type { NotTakenError } from './region-error.ts'
import type { PeerStatus, ReplicationStatus } from './replication-status.ts'
import { WriteGuard } from './write-guard.ts'

export interface ReplicationContext {
  readonly namespace: string
  readonly settings: ResolvedReplication
  /** All of the namespace's targets, those of peers among them. */
  readonly targets: Readonly<Record<string, Target>>
  /** The queue is one that others may write into, such as a topic. */
  readonly isShared: boolean
  /** See `Queue.keepsForMs`. */
  readonly keepsForMs: number | undefined
  readonly applyTimeoutMs: number
  readonly onDeadLetter: 'continue' | 'block'
  /** True for a record that has been in another namespace before this one. */
  wasForwarded(record: Pick<RecordFields, 'headers'>): boolean
  readonly clock: Clock
  readonly versions: VersionClock
  readonly emitter: WalEmitter
}

/** What tells where a record is from. */
type Stored = Pick<RecordFields, 'origin' | 'headers'>

/** What is known of a target's part of the queue. */
export type TargetLag = Pick<PeerStatus, 'pending' | 'lagMs'> & {
  /** Undefined before `start`. */
  readonly delivery: Pick<PeerStatus, 'isCatchingUp'> | undefined
}

/**
 * One namespace as one region of several.
 *
 * - What is written here goes to this region's targets and to those of every peer, each with its own progress.
 * - What comes from a peer goes to this region's targets only: applying it produces nothing.
 * - Versions decide, so that all end with the same, in whatever order it comes. What could break that is stopped:
 *   versions further ahead than clocks may be apart, regions that could tie, and puts that might bring back what
 *   was deleted.
 */
export class Replication {
  /** The namespace's targets, each with its guard. */
  readonly guarded: { readonly targets: Readonly<Record<string, Target>> }
  /** Asked before a record is written here. */
  readonly writes: WriteGuard
  readonly #context: ReplicationContext
  readonly #watch: ClockWatch
  readonly #arrivals: Arrivals
  /** By the name of the target; what is none of a peer's is this region's own. */
  readonly #peerByTarget: ReadonlyMap<string, string>
  readonly #memories: ReadonlyMap<string, DeleteMemory>
  readonly #patchless: string | undefined

  constructor(context: ReplicationContext) {
    const { namespace, settings, clock, emitter, versions } = context
    const { region, peers, maxDriftMs } = settings
    this.#context = context
    this.#watch = new ClockWatch({
      ...{ clock, maxDriftMs, peers: peers.size },
      onDrift: (direction, seenBy) =>
        emitter.emit('clockDrift', { namespace, region: region.name, direction, peers: seenBy }),
    })
    this.#arrivals = new Arrivals({
      ...{ namespace, settings, clock, watch: this.#watch },
      onHeld: (event) => emitter.emit('peerHeld', { namespace, ...event }),
    })
    this.#peerByTarget = new Map(
      [...peers].flatMap(([peer, { targets }]) => targets.map((target) => [target, peer] as const)),
    )
    this.#patchless = patchlessTarget(context.targets, (name) => this.#peerByTarget.has(name))
    this.writes = new WriteGuard({
      ...{ namespace, settings, versions, watch: this.#watch, patchless: this.#patchless },
    })
    const targets = Object.entries(context.targets)
    this.#memories = new Map(targets.map(([name, each]) => [name, this.#memoryOf(name, each)]))
    const guards = targets.map(([name, each]) => [name, this.#guardedTarget(name, each)] as const)
    this.guarded = { targets: Object.fromEntries(guards) }
  }

  /** Rejects with `ConfigError` where targets say that they forget deletes too soon, or the queue its records. */
  async check(): Promise<void> {
    const asked = await Promise.all([...this.#memories.values()].map((memory) => memory.issue()))
    const issues = [...asked, this.#queueIssue()].filter((issue) => issue !== undefined)
    if (issues.length > 0) throw new ConfigError(issues)
  }

  /** This region's own targets, which apply what comes from peers. */
  get ownTargets(): Readonly<Record<string, Target>> {
    const own = Object.entries(this.guarded.targets).filter(
      ([name]) => !this.#peerByTarget.has(name),
    )
    return Object.fromEntries(own)
  }

  /** False for a record that is not for the target: only what was written here goes on to peers. */
  concerns(record: Stored, target: string): boolean {
    return !this.#peerByTarget.has(target) || this.#isOwn(record)
  }

  /** Throws for a record that is not taken for now. */
  arrive(record: ForwardedRecord): void {
    const objection = this.#arrivals.objection(record)
    if (objection !== undefined) throw objection
    const refusal = this.#patchRefusal(record)
    if (refusal !== undefined) throw refusal
  }

  /** What waits for a peer that is away would be gone before it is back. */
  #queueIssue(): ConfigIssue | undefined {
    const { namespace, settings, keepsForMs = Number.POSITIVE_INFINITY } = this.#context
    const { longestLagMs } = settings
    if (keepsForMs >= longestLagMs) return undefined
    return {
      path: `namespaces.${namespace}.replication.longestLag`,
      reason:
        `is ${longestLagMs} ms, and the queue removes records after ${keepsForMs} ms, also those that a peer has not got: a ` +
        'region that is away for longer would never get them. Let the queue keep them for longer, or set longestLag to less',
    }
  }

  status(targets: Readonly<Record<string, TargetLag>>): ReplicationStatus {
    const { region, peers } = this.#context.settings
    const statuses = [...peers].map(([name, peer]) => {
      const lags = peer.targets.flatMap((target) => targets[target] ?? [])
      return [name, this.#peerStatus(name, peer.number, lags)] as const
    })
    return { region, drift: this.#watch.drift(), peers: Object.fromEntries(statuses) }
  }

  #peerStatus(name: string, number: number, lags: readonly TargetLag[]): PeerStatus {
    return {
      number,
      pending: mostOf(lags.map((lag) => lag.pending)),
      lagMs: mostOf(lags.map((lag) => lag.lagMs)),
      isCatchingUp: lags.some(({ delivery }) => delivery?.isCatchingUp === true),
      refused: this.#arrivals.refused(name),
      lastArrivalAt: this.#arrivals.lastAt(name),
    }
  }

  #patchRefusal(record: { readonly op: Op }): WalError | undefined {
    return patchRefusal(record, this.#context.namespace, this.#patchless)
  }

  /** Also what was written into a log of one's own before its wal was told its region. */
  #isOwn(record: Stored): boolean {
    const { settings, isShared, wasForwarded } = this.#context
    const { origin } = record
    if (origin === settings.region.name) return true
    const isUnnamed = origin === localRegion.name && !settings.peers.has(origin)
    return isUnnamed && !isShared && !wasForwarded(record)
  }

  /**
   * What was written here has this region's name and number at every target, also if it was written before
   * they were given, or when they were others. Versions are 16 apart, so that those of a key keep their order.
   */
  #asOwn(record: WalRecord): WalRecord {
    const { name, number } = this.#context.settings.region
    const version = (record.version & ~15n) + BigInt(number)
    if (!this.#isOwn(record)) return record
    if (record.origin === name && record.version === version) return record
    return { ...record, origin: name, version }
  }

  #memoryOf(name: string, target: Target): DeleteMemory {
    const { namespace, settings, applyTimeoutMs, clock, emitter } = this.#context
    const peer = this.#peerByTarget.get(name)
    const path = `namespaces.${namespace}.${optionOf(name, peer)}`
    const { longestLagMs, maxDriftMs } = settings
    const marginMs = maxDriftMs + applyTimeoutMs
    const onShort = (error: WalError) => emitter.report({ error, namespace, target: name })
    return new DeleteMemory({ target, name, path, longestLagMs, marginMs, clock, onShort })
  }

  #guardedTarget(name: string, target: Target): Target {
    const memory = this.#memories.get(name) as DeleteMemory
    const peer = this.#peerByTarget.get(name)
    return guarded(target, {
      ready: (signal) => memory.known(signal),
      verdict: (record) => {
        if (!this.concerns(record, name)) return applied
        if (peer !== undefined) return tooLate(record, name, memory)
        if (!this.#isOwn(record)) return this.#ofPeer(record, name, memory)
        // In one log only a delay brings a put behind a delete that is newer.
        return record.dueAt === undefined ? undefined : tooLate(record, name, memory)
      },
      as: (record) => this.#asOwn(record),
      ...(peer !== undefined && {
        isPeer: true,
        appliesInOrder: orderAtPeer(target, this.#context.onDeadLetter),
        told: (record, outcome) => this.#toldByPeer(peer, record, outcome),
      }),
    })
  }

  /** Of a record that came by `forward` nothing new is seen here; one that came by a queue is seen first here. */
  #ofPeer(record: WalRecord, name: string, memory: DeleteMemory): Outcome | undefined {
    const objection = this.#objectionHere(record)
    if (objection?.code === 'ERR_UNKNOWN_REGION') {
      return permanent(objection.code, objection.message)
    }
    if (objection !== undefined) {
      const { code, message, retryAfterMs } = objection
      return held(code, message, { retryAfterMs })
    }
    this.#context.versions.observe(record.key, record.version)
    const refusal = record.attemptEpoch === 0 ? this.#patchRefusal(record) : undefined
    if (refusal !== undefined) return permanent(refusal.code, refusal.message)
    return tooLate(record, name, memory)
  }

  /**
   * Into a log of one's own nothing comes but by `forward`, which has looked at its region: that it is no peer
   * any more is no reason not to apply what was taken. Redriven: somebody has looked.
   */
  #objectionHere(record: WalRecord): NotTakenError | undefined {
    const { isShared } = this.#context
    const isTaken = !isShared || record.attemptEpoch > 0
    if (isTaken && this.#arrivals.isUnknown(record)) return undefined
    return this.#arrivals.objection(record, isShared)
  }

  #toldByPeer(peer: string, { version }: WalRecord, outcome: Outcome | undefined): void {
    const versionMs = Number(version) / 1000
    if (outcome !== undefined && 'code' in outcome) {
      if (outcome.code === 'ERR_VERSION_AHEAD') this.#watch.toldAhead(peer, versionMs)
      return
    }
    const { clock, settings } = this.#context
    if (Math.abs(clock.now() - versionMs) <= settings.maxDriftMs) this.#watch.agrees(peer)
  }
}

/**
 * What passes records on is given those of a key many at a time: one at a time they would be no more than there are
 * round trips in a second, and regions lie far apart. Nobody there need keep them in order, as versions decide. Others have
 * to say so themselves: many stores cannot take a row twice in one request. Where a dead letter blocks its key none may be
 * taken behind one that is refused, and what passes records on does not stop there.
 */
function orderAtPeer(
  { appliesInOrder, passesOn = false }: Target,
  onDeadLetter: ReplicationContext['onDeadLetter'],
): Target['appliesInOrder'] {
  if (appliesInOrder !== undefined || onDeadLetter === 'block') return appliesInOrder
  return passesOn === false ? undefined : 'key'
}

function tooLate(record: WalRecord, target: string, memory: DeleteMemory): Outcome | undefined {
  if (!memory.isTooLate(record)) return undefined
  return permanent(
    'ERR_TOO_LATE',
    `It was written in region '${record.origin}' longer ago than target '${target}' remembers deletes (${memory.shown}): if ` +
      'its key was deleted since, it might bring it back. Redrive it to have it applied all the same, or discard it',
  )
}

/** Where the target is configured. */
function optionOf(target: string, peer: string | undefined): string {
  if (peer === undefined) return `targets.${target}`
  const option = target === peer ? 'target' : `targets.${target.slice(peer.length + 1)}`
  return `replication.peers.${peer}.${option}`
}

/** The largest; undefined where one of them is. */
function mostOf(numbers: readonly (number | undefined)[]): number | undefined {
  const known = numbers.filter((each) => each !== undefined)
  return known.length === numbers.length ? Math.max(0, ...known) : undefined
}
