import type { Consumer, Delivery } from '../../consumer/consumer.ts'
import { check } from '../check.ts'
import { SeededRandom } from '../seeded-random.ts'
import type { QueueCase, QueueFixture } from './queue-fixture.ts'

/** A long random run against a model of the queue: what the single cases did not think of. */
export const randomRunCases: readonly QueueCase[] = [
  {
    name: 'hands out what is neither acked nor leased, in order, through a random run',
    run: runsAtRandom,
  },
]

const steps = 150

async function runsAtRandom(fixture: QueueFixture): Promise<void> {
  const run = new RandomRun(fixture)
  try {
    for (let step = 0; step < steps; step++) await run.step()
    await run.finish()
  } catch (error) {
    if (error instanceof Error) error.message += `\n  seed: ${fixture.seed}`
    throw error
  }
}

/** The model: which record of each key is where. */
class RandomRun {
  readonly #fixture: QueueFixture
  readonly #random: SeededRandom
  /** Ids of the records not acked, by key, in the order sent. */
  readonly #pending = new Map<string, string[]>()
  /** Held by the consumer, by id. */
  readonly #leased = new Map<string, Delivery>()

  constructor(fixture: QueueFixture) {
    this.#fixture = fixture
    this.#random = new SeededRandom(fixture.seed)
  }

  async step(): Promise<void> {
    const dice = this.#random.next()
    if (dice < 0.3) await this.#send()
    else if (dice < 0.6) await this.#pull()
    else if (dice < 0.85) await this.#ack()
    else if (dice < 0.94) await this.#releaseKey()
    else if (dice < 0.98) await this.#reopenConsumer()
    else if (await this.#fixture.reopen()) this.#leased.clear()
  }

  /** Everything left is handed out and acked, and then there is nothing. */
  async finish(): Promise<void> {
    while (this.#unleased() > 0 || this.#leased.size > 0) {
      await this.#pull()
      await this.#ackAll([...this.#leased.values()])
    }
    await this.#fixture.closeConsumer()
    const consumer = await this.#fixture.consumer()
    await this.#fixture.pullsNothing(consumer, 'Once every record is acked there is nothing left')
  }

  async #send(): Promise<void> {
    const records = Array.from({ length: this.#upTo(6) }, () =>
      this.#fixture.record({ key: `key ${this.#upTo(5)}` }),
    )
    for (const { key = '', id } of records) {
      this.#pending.set(key, [...(this.#pending.get(key) ?? []), id])
    }
    await this.#fixture.send(...records)
  }

  async #pull(): Promise<void> {
    const count = Math.min(this.#upTo(8), this.#available())
    if (count === 0) return
    for (const delivery of await this.#fixture.pull(await this.#consumer(), count)) {
      this.#checkIsNext(delivery)
      this.#leased.set(delivery.record.id, delivery)
    }
  }

  /** Some of what is leased, in any order. */
  async #ack(): Promise<void> {
    await this.#ackAll([...this.#leased.values()].filter(() => this.#random.chance(0.5)))
  }

  async #ackAll(deliveries: readonly Delivery[]): Promise<void> {
    await (await this.#consumer()).ack(deliveries)
    for (const { record } of deliveries) {
      this.#leased.delete(record.id)
      const left = this.#pendingOf(record.key).filter((id) => id !== record.id)
      this.#pending.set(record.key ?? '', left)
    }
  }

  /** Gives back a key's last deliveries, from the last to the first, as core does. */
  async #releaseKey(): Promise<void> {
    const leased = this.#pendingOf(`key ${this.#upTo(5)}`).flatMap(
      (id) => this.#leased.get(id) ?? [],
    )
    const released = leased.slice(-this.#upTo(3)).reverse()
    for (const { record } of released) this.#leased.delete(record.id)
    await this.#fixture.release(await this.#consumer(), released)
  }

  async #reopenConsumer(): Promise<void> {
    await this.#fixture.closeConsumer()
    this.#leased.clear()
  }

  #checkIsNext({ record }: Delivery): void {
    const pending = this.#pendingOf(record.key)
    check(
      pending.includes(record.id) && !this.#leased.has(record.id),
      'Only a record that is neither acked nor leased is handed out',
      `record ${record.id} of ${record.key}, ${this.#leased.has(record.id) ? 'leased' : 'acked'}`,
    )
    if (this.#fixture.supports.order !== 'key') return
    const next = pending.find((id) => !this.#leased.has(id))
    check(
      record.id === next,
      "With order 'key' the next record of a key is the first one not acked and not leased",
      `record ${record.id} of ${record.key} where ${next} was next`,
    )
  }

  /** How many a pull must bring, or more: of a key that is withheld nothing is owed. */
  #available(): number {
    if (!this.#fixture.supports.withholdsLeasedKey) return this.#unleased()
    const all = [...this.#pending.values()]
    return all.filter((ids) => ids.length > 0 && !ids.some((id) => this.#leased.has(id))).length
  }

  #unleased(): number {
    const pending = [...this.#pending.values()].reduce((sum, ids) => sum + ids.length, 0)
    return pending - this.#leased.size
  }

  #pendingOf(key: string | undefined): readonly string[] {
    return this.#pending.get(key ?? '') ?? []
  }

  #consumer(): Promise<Consumer> {
    return this.#fixture.consumer()
  }

  /** A whole number from 1 to `most`. */
  #upTo(most: number): number {
    return this.#random.integer(1, most)
  }
}
