import type { WalError } from '../../../../src/errors.ts'
import { Cursor } from '../../../../src/queue/file/cursor.ts'
import type { DelayedItem } from '../../../../src/queue/file/delayed-heap.ts'
import type { FileSystem } from '../../../../src/queue/file/file-system.ts'
import { hashOfId } from '../../../../src/queue/file/schedule/id-hash.ts'
import { Schedule } from '../../../../src/queue/file/schedule/schedule.ts'
import type { Random } from '../../../../src/random.ts'
import type { VirtualClock } from '../../../../src/testing/virtual-clock.ts'

export interface WorldOptions {
  readonly fileSystem: FileSystem
  readonly clock: VirtualClock
  readonly random: Random
  readonly runRecords?: number
}

const far = 1 << 30

/**
 * A schedule with its cursor, and a log that is nothing but a list of due times: what a feed does
 * with a schedule, at its shortest.
 */
export class ScheduleWorld {
  readonly errors: WalError[] = []
  /** Due times by sequence, from 1. */
  readonly log: number[]
  readonly cursor: Cursor
  readonly #options: WorldOptions
  /** How many times the schedule was dropped while open. */
  drops = 0
  #schedule: Schedule | undefined

  /** Opens it, and pushes what is neither done with nor scheduled. */
  static async open(options: WorldOptions, log: number[] = []): Promise<ScheduleWorld> {
    const { fileSystem, clock, random } = options
    const directory = '/wal/cursors'
    await fileSystem.makeDirectory(directory)
    const errors: WalError[] = []
    const cursor = await Cursor.open({
      directory,
      name: 'search.cursor',
      target: 'search',
      fileSystem,
      clock,
      random,
      slackBytes: 300,
      reportError: (error) => errors.push(error),
    })
    const world = new ScheduleWorld(options, log, cursor)
    await world.#openSchedule()
    world.errors.push(...errors)
    const passed = cursor.passed()
    for (const item of world.items()) if (!passed.has(item.order)) await world.#push(item)
    return world
  }

  private constructor(options: WorldOptions, log: number[], cursor: Cursor) {
    this.#options = options
    this.log = log
    this.cursor = cursor
  }

  async #openSchedule(): Promise<void> {
    const { cursor } = this
    const { fileSystem, clock, random, runRecords = 4 } = this.#options
    this.#schedule = await Schedule.open({
      directory: '/wal/schedules',
      name: 'search',
      cursor,
      fileSystem,
      random,
      clock,
      runRecords,
      reportError: (error) => this.errors.push(error),
      onDropped: () => {
        this.drops++
        const kept = new Set(ordersOf([...this.schedule.kept()]))
        for (const item of this.items()) {
          if (!cursor.isDone(item.order) && !kept.has(item.order)) this.schedule.push(item)
        }
      },
    })
  }

  get schedule(): Schedule {
    if (!this.#schedule) throw new Error('not open')
    return this.#schedule
  }

  /** A record for each due time. */
  async write(...dueTimes: readonly number[]): Promise<void> {
    for (const dueAt of dueTimes) {
      this.log.push(dueAt)
      await this.#push(itemOf(this.log.length, dueAt))
    }
  }

  /** The same, with room made only once, so that they come into one run. */
  async writeAtOnce(dueTimes: readonly number[]): Promise<void> {
    const from = this.log.length
    this.log.push(...dueTimes)
    for (const item of this.items()) if (item.order > from) this.schedule.push(item)
    await this.schedule.makeRoom(0)
  }

  /** Takes what is due now, up to so many, and answers the sequences. */
  async take(most = far, due = this.#options.clock.now()): Promise<readonly DelayedItem[]> {
    const taken: DelayedItem[] = []
    for (;;) {
      const lot = await this.schedule.take(due, Math.min(32, most - taken.length))
      if (lot.length === 0) return taken
      taken.push(...lot)
    }
  }

  settle(items: readonly DelayedItem[]): void {
    for (const { order } of items) {
      this.cursor.ack(order)
      this.schedule.settle(order)
    }
  }

  /** Sequences of what is not done with, in the order in which it is due. */
  expected(due = Number.POSITIVE_INFINITY): readonly number[] {
    return [...this.items()]
      .filter(({ order, at }) => at <= due && !this.cursor.isDone(order))
      .toSorted((a, b) => a.at - b.at || a.order - b.order)
      .map(({ order }) => order)
  }

  *items(): Generator<DelayedItem> {
    for (const [index, dueAt] of this.log.entries()) yield itemOf(index + 1, dueAt)
  }

  async close(): Promise<void> {
    await this.schedule.close({ isOwned: true })
    await this.cursor.close()
  }

  async #push(item: DelayedItem): Promise<void> {
    this.schedule.push(item)
    await this.schedule.makeRoom(item.address)
  }
}

function itemOf(sequence: number, dueAt: number): DelayedItem {
  return { at: dueAt, order: sequence, address: sequence * 200_000, hash: hashOfId(`${sequence}`) }
}

export function ordersOf(items: readonly Pick<DelayedItem, 'order'>[]): readonly number[] {
  return items.map(({ order }) => order)
}
