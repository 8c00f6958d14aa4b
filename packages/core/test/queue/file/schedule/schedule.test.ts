import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashOfId } from '../../../../src/queue/file/schedule/id-hash.ts'
import { rowsPerBlock } from '../../../../src/queue/file/schedule/run-format.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts'
import { ordersOf, ScheduleWorld } from '../support/schedule-world.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

type Step =
  | { readonly write: readonly number[] }
  | { readonly pass: number }
  | { readonly take: number; readonly settle: number }
  | { readonly step: number }
  | { readonly cancel: number; readonly letGo: boolean }
  | 'close'
  | 'kill'

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ write: fc.array(fc.nat(500), { maxLength: 30 }) }) },
    { weight: 3, arbitrary: fc.record({ pass: fc.integer({ min: 1, max: 200 }) }) },
    { weight: 4, arbitrary: fc.record({ take: fc.nat(40), settle: fc.nat(40) }) },
    { weight: 4, arbitrary: fc.record({ cancel: fc.nat(100), letGo: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ step: fc.integer({ min: -300, max: 300 }) }) },
    { weight: 1, arbitrary: fc.constant('close' as const) },
    { weight: 1, arbitrary: fc.constant('kill' as const) },
  ),
  { maxLength: 30 },
)

/** A schedule beside the plainest one: a list that is sorted whenever it is asked. */
class Trial {
  disk: SimulatedFileSystem
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(seed)
  readonly runRecords: number
  world: ScheduleWorld
  /** Taken, and neither settled nor put back. */
  readonly taken = new Set<number>()

  static async start(runRecords: number): Promise<Trial> {
    const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
    const trial = new Trial(disk, runRecords)
    await trial.open([])
    return trial
  }

  private constructor(disk: SimulatedFileSystem, runRecords: number) {
    this.disk = disk
    this.runRecords = runRecords
    this.world = undefined as unknown as ScheduleWorld
  }

  async open(log: number[]): Promise<void> {
    const { disk, clock, random, runRecords } = this
    this.world = await ScheduleWorld.open({ fileSystem: disk, clock, random, runRecords }, log)
    expect(this.world.errors).toEqual([])
    this.taken.clear()
  }

  async run(step: Step): Promise<void> {
    const { world, clock } = this
    if (step === 'close') {
      await world.close()
      await this.open(world.log)
    } else if (step === 'kill') {
      this.disk = this.disk.kill()
      await this.open(world.log)
    } else if ('write' in step) await world.write(...step.write.map((ms) => clock.now() + ms))
    else if ('pass' in step) await clock.advance(step.pass)
    else if ('step' in step) clock.stepWallClock(step.step)
    else if ('cancel' in step) await this.cancel(step)
    else await this.take(step)
  }

  /** One that waits is held, and then withdrawn or let go. */
  async cancel({ cancel, letGo }: { readonly cancel: number; readonly letGo: boolean }) {
    const { world } = this
    const waiting = world.expected().filter((order) => !this.taken.has(order))
    const sequence = waiting[cancel % waiting.length]
    if (sequence === undefined) return
    const found = await world.schedule.find(hashOfId(`${sequence}`))
    expect(found.map((record) => record.sequence)).toContain(sequence)
    expect(world.schedule.hold(sequence)).toBe(true)
    const due = await world.take(3)
    expect(ordersOf(due)).not.toContain(sequence)
    if (letGo) world.schedule.letGo(sequence)
    else await world.schedule.withdraw({ at: world.log[sequence - 1] as number, sequence })
    world.schedule.putBack(due)
    await world.cursor.write()
  }

  async take({ take, settle }: { readonly take: number; readonly settle: number }): Promise<void> {
    const { world, clock } = this
    const expected = world.expected(clock.now()).filter((order) => !this.taken.has(order))
    const items = await world.take(take)
    expect(ordersOf(items)).toEqual(expected.slice(0, take))
    const settled = items.slice(0, settle)
    world.settle(settled)
    const back = items.slice(settle, settle + 3)
    world.schedule.putBack(back)
    for (const { order } of items.slice(settle + 3)) this.taken.add(order)
  }

  async checkCounts(): Promise<void> {
    const { world, clock } = this
    for (const instant of [clock.now(), clock.now() + 100, clock.now() + 300]) {
      const [counted, expected] = await world.schedule.countAfter(instant, (count) => [
        count,
        world.expected().filter((order) => {
          const dueAt = world.log[order - 1] as number
          return dueAt > instant && !this.taken.has(order)
        }).length,
      ])
      expect(counted).toBe(expected)
    }
  }
}

describe('Schedule', () => {
  it('is equal to a sorted list through runs, merges, closes, kills and a clock that jumps', async () => {
    const property = fc.asyncProperty(steps, fc.integer({ min: 1, max: 6 }), async (list, size) => {
      const trial = await Trial.start(size)
      for (const step of list) await trial.run(step)
      await trial.world.close()
      await trial.open(trial.world.log)
      const rest = await trial.world.take(undefined, Number.POSITIVE_INFINITY)
      expect(ordersOf(rest)).toEqual(trial.world.expected())
      await trial.world.close()
    })
    await fc.assert(property, { seed, numRuns: 60 })
  })

  it('counts what is due after an instant, while nothing is taken early', async () => {
    const property = fc.asyncProperty(steps, fc.integer({ min: 1, max: 6 }), async (list, size) => {
      const trial = await Trial.start(size)
      for (const step of list) {
        if (typeof step === 'object' && 'step' in step) continue
        await trial.run(step)
        await trial.checkCounts()
      }
      await trial.world.close()
    })
    await fc.assert(property, { seed, numRuns: 40 })
  })

  it('keeps in memory no more than a run, and merges runs by eights', async () => {
    const trial = await Trial.start(10)
    const { world, clock } = trial
    for (let count = 0; count < 3000; count++) {
      await world.write(clock.now() + 1000 + ((count * 7919) % 997))
      expect(world.schedule.inMemory).toBeLessThanOrEqual(20)
    }
    await world.close()
    const runs = trial.disk.paths.filter((path) => path.endsWith('.run'))
    expect(runs.length).toBeLessThanOrEqual(7 * 3)
    await trial.open(world.log)
    await clock.advance(2000)
    expect(ordersOf(await trial.world.take())).toEqual(trial.world.expected())
  })

  it('finds none to be held that was handed out, nor one that is done with', async () => {
    const trial = await Trial.start(4)
    const { world, clock } = trial
    await world.write(...Array.from({ length: 20 }, (_, at) => clock.now() + at))
    await clock.advance(9)
    const items = await world.take()
    world.settle(items.slice(0, 5))
    const isFound = async (sequence: number): Promise<boolean> =>
      (await world.schedule.find(hashOfId(`${sequence}`))).some(
        (found) => !world.schedule.isTaken(found.sequence),
      )
    expect(await Promise.all([1, 5, 6, 10, 11, 20].map(isFound))).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
    ])
    expect(world.schedule.hold(6)).toBe(false)
    world.schedule.putBack(items.slice(5, 6))
    expect(await isFound(6)).toBe(true)
    await world.close()
  })

  it('counts what is cancelled while it is on its way into a run, at every moment of that', async () => {
    // In a run of this size, most rows are counted by their blocks, without a look at each.
    const size = 2 * rowsPerBlock
    for (let turns = 0; turns < 36; turns++) {
      const trial = await Trial.start(size)
      const { world, clock } = trial
      await world.writeAtOnce(Array.from({ length: size }, (_, at) => clock.now() + 100 + at))
      for (let turn = 0; turn < turns; turn++) await (turn % 6 === 5 ? setImmediate() : undefined)
      expect(world.schedule.hold(size)).toBe(true)
      await world.schedule.withdraw({ at: clock.now() + 99 + size, sequence: size })
      await world.close()
      await trial.open(world.log)
      const counted = await trial.world.schedule.countAfter(clock.now(), (count) => count)
      expect(counted, `cancelled after ${turns} turns`).toBe(size - 1)
      await trial.world.close()
    }
  })

  it('counts what is cancelled also where the disk fails as its run is asked', async () => {
    const size = 2 * rowsPerBlock
    const trial = await Trial.start(size)
    const { clock, disk } = trial
    await trial.world.writeAtOnce(Array.from({ length: size }, (_, at) => clock.now() + 100 + at))
    await trial.world.close()
    await trial.open(trial.world.log)
    const { world } = trial
    expect(world.schedule.hold(size)).toBe(true)
    disk.fault = ({ kind, path }) =>
      kind === 'read' && path.endsWith('.run') ? { fail: 'EIO' } : undefined
    await world.schedule.withdraw({ at: clock.now() + 99 + size, sequence: size })
    disk.fault = () => undefined
    expect(await world.schedule.countAfter(clock.now(), (count) => count)).toBe(size - 1)
    expect(world.errors).toEqual([expect.objectContaining({ code: 'ERR_IO' })])
    await clock.advance(2000)
    expect(ordersOf(await world.take())).toEqual(world.expected())
    await world.close()
  })

  it('leaves no file behind once everything is done with', async () => {
    const trial = await Trial.start(4)
    const { world, clock } = trial
    await world.write(...Array.from({ length: 200 }, (_, at) => clock.now() + 10 + (at % 17)))
    await clock.advance(100)
    world.settle(await world.take())
    await world.close()
    await trial.open(world.log)
    expect(await trial.world.take()).toEqual([])
    await trial.world.close()
    expect(trial.disk.paths.filter((path) => path.endsWith('.run'))).toEqual([])
  })
})
