import { describe, expect, it } from 'vitest'
import type { Consumer, Delivery, Watermark } from '../../../src/consumer/consumer.ts'
import type { File, FileSystem } from '../../../src/queue/file/file-system.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { openLock } from './support/open-lock.ts'
import { OpenQueue, pullNow } from './support/open-queue.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

/** A disk on which every read of a run goes wrong that there is at some time. */
class DamagedRuns {
  readonly #damaged = new Set<string>()
  readonly fileSystem: FileSystem

  constructor(disk: SimulatedFileSystem) {
    this.fileSystem = {
      makeDirectory: (path) => disk.makeDirectory(path),
      list: (path) => disk.list(path),
      create: async (path) => this.#wrap(await disk.create(path), path),
      open: async (path, access) => this.#wrap(await disk.open(path, access), path),
      rename: (from, to) => disk.rename(from, to),
      remove: (path) => disk.remove(path),
      syncDirectory: (path) => disk.syncDirectory(path),
    }
  }

  damage(paths: readonly string[]): void {
    for (const path of paths) this.#damaged.add(path)
  }

  #wrap(file: File, path: string): File {
    return {
      read: async (into, position) => {
        const count = await file.read(into, position)
        if (this.#damaged.has(path) && count > 0) into[0] = (into[0] ?? 0) ^ 1
        return count
      },
      write: (bytes, position) => file.write(bytes, position),
      size: () => file.size(),
      truncate: (size) => file.truncate(size),
      sync: () => file.sync(),
      close: () => file.close(),
    }
  }
}

interface Sent {
  readonly id: string
  /** 0 if it has no delay. */
  readonly dueAt: number
  readonly sequence: number
  state: 'waiting' | 'handed out' | 'done'
}

/** A queue with one target, and what is known of each of its records. */
class Run {
  readonly #random: SeededRandom
  readonly #clock = new VirtualClock()
  readonly #disk: SimulatedFileSystem
  readonly #runs: DamagedRuns
  readonly #sent: Sent[] = []
  readonly #held: Delivery[] = []
  readonly #marks: { mark: Watermark; covers: readonly Sent[] }[] = []
  #opened: OpenQueue | undefined
  #consumer: Consumer | undefined
  damages = 0

  constructor(random: SeededRandom) {
    this.#random = random
    this.#disk = new SimulatedFileSystem({ random: random.fork() })
    this.#runs = new DamagedRuns(this.#disk)
  }

  async go(steps: number): Promise<void> {
    await this.#open()
    for (let step = 0; step < steps; step++) {
      const chance = this.#random.next()
      if (chance < 0.3) await this.#send()
      else if (chance < 0.5) await this.#pull()
      else if (chance < 0.6) await this.#ack()
      else if (chance < 0.7) await this.#recall()
      else if (chance < 0.75) await this.#recallWhilePulling()
      else if (chance < 0.85) await this.#clock.advance(this.#random.integer(1, 30))
      else if (chance < 0.9) await this.#addMark()
      else if (chance < 0.97) this.#damage()
      else await this.#reopen()
      await this.#check()
    }
    await this.#clock.advance(1000)
    await this.#pull(1000)
    expect(this.#sent.filter(({ state }) => state === 'waiting')).toEqual([])
    await this.#close()
  }

  async #open(): Promise<void> {
    const { fileSystem } = this.#runs
    this.#opened = await OpenQueue.open(
      {
        ...{ directory: '/wal', fileSystem, lock: openLock },
        ...{ scheduleRecords: 3, segmentBytes: 20_000 },
        recentBytes: this.#random.pick([undefined, 2100, 0]),
      },
      this.#clock,
    )
    this.#consumer = await this.#opened.consumer()
  }

  async #close(): Promise<void> {
    await this.#consumer?.close()
    await this.#opened?.queue.close()
  }

  async #reopen(): Promise<void> {
    await this.#close()
    for (const sent of this.#sent) if (sent.state === 'handed out') sent.state = 'waiting'
    this.#held.length = 0
    this.#marks.length = 0
    await this.#open()
  }

  get #now(): Consumer {
    if (!this.#consumer) throw new Error('not open')
    return this.#consumer
  }

  async #send(): Promise<void> {
    const now = this.#clock.now()
    const dueTimes = Array.from({ length: this.#random.integer(1, 6) }, () =>
      this.#random.chance(0.2) ? undefined : now + this.#random.integer(1, 100),
    )
    const records = (await this.#opened?.send(...dueTimes.map((dueAt) => ({ dueAt })))) ?? []
    for (const { id, dueAt = 0 } of records) {
      this.#sent.push({ id, dueAt, sequence: this.#sent.length + 1, state: 'waiting' })
    }
  }

  /** While it is counted, at times: what a count finds damaged is lost to the pull. */
  async #pull(most = this.#random.integer(1, 20)): Promise<void> {
    const counted = this.#random.chance(0.3) ? this.#now.backlog() : undefined
    this.#handOut(await pullNow(this.#now, most))
    await counted
  }

  #handOut(deliveries: readonly Delivery[]): void {
    const now = this.#clock.now()
    for (const delivery of deliveries) {
      const sent = this.#of(delivery)
      expect([sent.id, sent.state]).toEqual([sent.id, 'waiting'])
      expect(sent.dueAt).toBeLessThanOrEqual(now)
      sent.state = 'handed out'
    }
    this.#held.push(...deliveries)
  }

  async #ack(): Promise<void> {
    const acked = this.#held.splice(0, this.#random.integer(1, 20))
    await this.#now.ack(acked)
    for (const delivery of acked) this.#of(delivery).state = 'done'
  }

  async #recall(): Promise<void> {
    const delayed = this.#sent.filter(({ dueAt }) => dueAt > 0)
    if (delayed.length === 0) return
    const sent = this.#random.pick(delayed)
    const recall = await this.#opened?.queue.recall?.(sent.id)
    const findings = { waiting: 'held', 'handed out': 'tooLate', done: 'unknown' }
    expect(recall?.findings.get('search')).toBe(findings[sent.state])
    if (this.#random.chance(0.3)) return recall?.letGo()
    await recall?.takeBack()
    if (sent.state === 'waiting') sent.state = 'done'
  }

  /** Whichever is first, the two must agree. */
  async #recallWhilePulling(): Promise<void> {
    const delayed = this.#sent.filter(({ dueAt }) => dueAt > 0)
    if (delayed.length === 0) return
    const sent = this.#random.pick(delayed)
    const wasDone = sent.state === 'done'
    const [recall, deliveries] = await Promise.all([
      this.#opened?.queue.recall?.(sent.id),
      pullNow(this.#now, this.#random.integer(1, 20)),
      this.#now.backlog(),
    ])
    this.#handOut(deliveries)
    const expected = wasDone ? 'unknown' : sent.state === 'waiting' ? 'held' : 'tooLate'
    expect(recall?.findings.get('search')).toBe(expected)
    if (this.#random.chance(0.5)) await this.#clock.advance(20)
    if (this.#random.chance(0.5)) await this.#pull()
    await recall?.takeBack()
    if (expected === 'held') {
      expect(sent.state).toBe('waiting')
      sent.state = 'done'
    }
  }

  async #addMark(): Promise<void> {
    const now = this.#clock.now()
    const covers = this.#sent.filter(({ dueAt, state }) => dueAt <= now && state !== 'done')
    this.#marks.push({ mark: await this.#now.watermark({ includeDelayed: false }), covers })
  }

  #damage(): void {
    const runs = this.#disk.paths.filter((path) => path.endsWith('.run'))
    if (runs.length === 0) return
    this.damages++
    this.#runs.damage(this.#random.chance(0.5) ? runs : [this.#random.pick(runs)])
  }

  async #check(): Promise<void> {
    const now = this.#clock.now()
    const left = this.#sent.filter(({ state }) => state !== 'done')
    const delayed = left.filter(({ dueAt }) => dueAt > now).length
    const expected = { pending: left.length - delayed, delayed, approximate: false }
    expect(await this.#now.backlog()).toMatchObject(expected)
    for (const { mark, covers } of this.#marks) {
      const open = covers.filter(({ state }) => state !== 'done').length
      expect(await mark.remaining()).toBe(open)
    }
    const errors = this.#opened?.errors.filter(({ code }) => code !== 'ERR_CORRUPT_LOG')
    expect(errors).toEqual([])
  }

  #of({ record }: Delivery): Sent {
    const sent = this.#sent.find(({ id }) => id === record.id)
    if (!sent) throw new Error(`${record.id} was never sent`)
    return sent
  }
}

describe('a file queue with delayed records, whose runs are damaged now and then', () => {
  it('loses, repeats and miscounts none, and finds each that is asked for', async () => {
    const random = new SeededRandom(seed)
    let damages = 0
    for (let round = 0; round < 20; round++) {
      const run = new Run(random.fork())
      await run.go(60)
      damages += run.damages
    }
    expect(damages).toBeGreaterThan(20)
  })
})
