import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { WalRecord } from '../../src/record.ts'
import {
  type ApplyContext,
  applied,
  held,
  type Outcome,
  permanent,
  superseded,
  type Target,
  throttled,
  transient,
  unavailable,
} from '../../src/target/target.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { FakeDeadLetters, harness, seed } from './support/harness.ts'

/** What an attempt at a record comes to. */
type Step =
  | 'applied'
  | 'superseded'
  | 'permanent'
  | 'transient'
  | 'throttled'
  | 'unavailable'
  | 'held'
  | 'poison'
  | 'hang'

interface Plan {
  readonly keys: number
  /** Per record: its key's number, and what its attempts come to; then it is applied. */
  readonly records: readonly { readonly key: number; readonly steps: readonly Step[] }[]
  readonly appliesInOrder: boolean
  readonly reload: boolean
  readonly concurrency: number
  readonly maxRecords: number
  readonly maxAttempts: number
  readonly failures: number
  readonly held: number
  readonly heldForMs: number | undefined
  /** Virtual ms after which the process is killed or stopped, and another one begins. */
  readonly ends: readonly { readonly afterMs: number; readonly how: 'kill' | 'stop' }[]
  readonly latencySeed: number
}

const steps: readonly Step[] = [
  'applied',
  'superseded',
  'permanent',
  'transient',
  'throttled',
  'unavailable',
  'held',
  'poison',
  'hang',
]

function plans(kinds: readonly Step[], endings: readonly ('kill' | 'stop')[]): fc.Arbitrary<Plan> {
  const step = fc.constantFrom(...kinds)
  return fc.record({
    keys: fc.integer({ min: 1, max: 8 }),
    records: fc.array(
      fc.record({
        key: fc.nat({ max: 7 }),
        steps: fc.oneof(
          { weight: 3, arbitrary: fc.constant([]) },
          { weight: 2, arbitrary: fc.array(step, { maxLength: 4 }) },
        ),
      }),
      { minLength: 1, maxLength: 50 },
    ),
    appliesInOrder: fc.boolean(),
    reload: fc.boolean(),
    concurrency: fc.integer({ min: 1, max: 4 }),
    maxRecords: fc.integer({ min: 1, max: 12 }),
    maxAttempts: fc.integer({ min: 1, max: 4 }),
    failures: fc.integer({ min: 2, max: 10 }),
    held: fc.integer({ min: 1, max: 60 }),
    heldForMs: fc.constantFrom(undefined, 250, 600),
    ends:
      endings.length === 0
        ? fc.constant([])
        : fc.array(
            fc.record({
              afterMs: fc.integer({ min: 0, max: 3000 }),
              how: fc.constantFrom(...endings),
            }),
            { maxLength: 4 },
          ),
    latencySeed: fc.integer({ min: 0, max: 2 ** 31 }),
  })
}

/** Plays a plan, and checks at every apply what must hold there. */
class Play {
  readonly queue = new FakeQueue()
  readonly clock = new VirtualClock()
  readonly deadLetters = new FakeDeadLetters()
  readonly plan: Plan
  readonly #steps = new Map<string, Step[]>()
  readonly #latency: SeededRandom
  readonly violations: string[] = []
  /** How each record ended, as the events told. */
  readonly ends = new Map<string, string[]>()
  /** Attempt numbers each record was applied with. */
  readonly attempts = new Map<string, number[]>()

  constructor(plan: Plan) {
    this.plan = plan
    this.#latency = new SeededRandom(plan.latencySeed)
    for (const { key, steps } of plan.records) {
      const { id } = this.queue.add({ key: `key-${key % plan.keys}` })
      this.#steps.set(id, [...steps])
    }
  }

  async run(): Promise<void> {
    for (const { afterMs, how } of this.plan.ends) {
      const h = this.#process()
      await h.start()
      await this.clock.advance(afterMs)
      if (how === 'stop') await h.stop(100)
      this.queue.kill()
    }
    const h = this.#process()
    const report = await h.run(40 * 86_400_000)
    expect(await h.delivery.status()).toMatchObject({ held: 0, heldParts: [] })
    await h.stop(100)
    expect(report.pending).toBe(0)
  }

  /** Every dead letter blocks its key until it is redriven, and is redriven until none is left. */
  async runWithRedrives(): Promise<void> {
    const h = this.#process('block')
    let report = await h.run(40 * 86_400_000)
    while (this.deadLetters.letters.size > 0) {
      for (const letter of [...this.deadLetters.letters.values()]) {
        const { record, target } = letter
        // Delivery may find the copy, and be done with it, before it is told of the redrive.
        const late = this.#latency.chance(0.5)
        if (!late) h.delivery.expectRedriven(letter)
        this.queue.add({ ...record, target, attemptEpoch: record.attemptEpoch + 1 })
        await this.clock.settle()
        if (late) h.delivery.expectRedriven(letter)
        await this.deadLetters.remove([letter.id])
      }
      report = await h.drain(40 * 86_400_000)
    }
    expect(report).toMatchObject({ pending: 0, blocked: 0 })
    expect(await h.delivery.status()).toMatchObject({
      ...{ blockedKeys: 0, held: 0, heldParts: [], pending: 0 },
    })
    await h.stop(100)
  }

  #process(onDeadLetter: 'continue' | 'block' = 'continue') {
    const { plan, queue, clock, deadLetters } = this
    const { life } = queue
    const h = harness({
      queue,
      clock,
      deadLetters,
      consumer: queue.consumer({ reload: plan.reload }),
      policy: {
        onDeadLetter,
        concurrency: plan.concurrency,
        batch: { maxRecords: plan.maxRecords, maxBytes: 1_000_000, lingerMs: 0 },
        retry: { maxAttempts: plan.maxAttempts, minDelayMs: 50, maxDelayMs: 1000 },
        breaker: { failures: plan.failures, minOpenMs: 100, maxOpenMs: 1000 },
        applyTimeoutMs: 500,
        held: { maxRecords: plan.held, maxBytes: 1_000_000 },
        ...(plan.heldForMs !== undefined && { heldForMs: plan.heldForMs }),
      },
      options: { target: this.#target(life) },
    })
    const end = (id: string, how: string): void => {
      if (life === queue.life) this.ends.set(id, [...(this.ends.get(id) ?? []), how])
    }
    h.events.applied = (records) => records.forEach(({ id }) => void end(id, 'applied'))
    h.events.superseded = (records) => records.forEach(({ id }) => void end(id, 'superseded'))
    h.events.deadLettered = (letter) => end(letter.record.id, 'dead')
    return h
  }

  #target(life: number): Target<unknown> {
    const inFlight = new Set<string>()
    const lastPosition = new Map<string, bigint>()
    const check = (record: WalRecord, attempt: number): void => {
      const key = String(record.key)
      if ((lastPosition.get(key) ?? 0n) > record.version)
        this.violations.push(`${record.id} came after a later one of ${key}`)
      lastPosition.set(key, record.version)
      if (attempt > this.plan.maxAttempts)
        this.violations.push(`${record.id} had attempt ${attempt}`)
      this.attempts.set(record.id, [...(this.attempts.get(record.id) ?? []), attempt])
    }
    return {
      idempotency: 'none',
      appliesInOrder: this.plan.appliesInOrder,
      apply: async (records, context) => {
        if (life !== this.queue.life) return new Promise<never>(() => {})
        const keys = new Set(records.map(({ key }) => String(key)))
        if (!this.plan.appliesInOrder && keys.size < records.length)
          this.violations.push('two of a key in a batch')
        for (const key of keys)
          if (inFlight.has(key)) this.violations.push(`two applies of ${key} at once`)
        for (const key of keys) inFlight.add(key)
        try {
          return await this.#answer(records, context, check)
        } finally {
          for (const key of keys) inFlight.delete(key)
        }
      },
    }
  }

  async #answer(
    records: readonly WalRecord[],
    context: ApplyContext,
    check: (record: WalRecord, attempt: number) => void,
  ): Promise<readonly Outcome[]> {
    const { outcomes, ends } = this.#answers(records)
    // What fails as a whole leaves nothing behind, unless it was about one record.
    if (ends === undefined || records.length === 1) {
      for (const [index, record] of records.entries()) {
        if (outcomes[index] !== skipped) check(record, context.attempts[index] ?? 0)
      }
    }
    const delayMs = this.#latency.chance(0.5) ? 0 : this.#latency.integer(1, 200)
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => reject(new Error('aborted'))
      if (ends === 'hang') context.signal.addEventListener('abort', abort, { once: true })
      else if (delayMs === 0) resolve()
      else this.clock.setTimer(delayMs, resolve)
    })
    if (ends === 'poison') throw new Error('poison')
    return outcomes
  }

  /** `ends` is how the whole ends, where one of the records takes the others with it. */
  #answers(records: readonly WalRecord[]) {
    const stopped = new Set<string>()
    const outcomes: Outcome[] = []
    for (const record of records) {
      const key = String(record.key)
      if (stopped.has(key)) {
        outcomes.push(skipped)
        continue
      }
      const left = this.#steps.get(record.id) ?? []
      const [step] = left
      const ends = step === 'poison' || step === 'hang' ? step : undefined
      // It is over only once it has come alone.
      if (ends === undefined || records.length === 1) left.shift()
      if (ends !== undefined) return { outcomes, ends }
      const outcome = outcomeOf(step, record)
      if (outcome.status !== 'applied' && outcome.status !== 'superseded') stopped.add(key)
      outcomes.push(outcome)
    }
    return { outcomes, ends: undefined }
  }
}

const skipped = transient('SKIPPED', 'an earlier one of the key failed')

function outcomeOf(step: Step | undefined, { version }: WalRecord): Outcome {
  const part = `part ${version % 3n}`
  if (step === 'held') return held('AWAY', 'it will be back', { retryAfterMs: 150, part })
  if (step === 'superseded') return superseded
  if (step === 'permanent') return permanent('NEVER', 'it will not do')
  if (step === 'transient') return transient('LATER', 'not now')
  if (step === 'throttled') return throttled('LESS', 'too much', { retryAfterMs: 300 })
  if (step === 'unavailable') return unavailable('DOWN', 'nobody is there')
  return applied
}

const unspent = ['throttled', 'unavailable', 'held', 'applied'] as const

describe('delivery, whatever happens', () => {
  test('keeps each key in order, one at a time, and ends every record once', {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(plans(steps, []), async (plan) => {
        const play = new Play(plan)
        await play.run()
        expect(play.violations).toEqual([])
        expect(play.queue.left).toEqual([])
        for (const { record } of play.queue.slots) expect(play.ends.get(record.id)).toHaveLength(1)
      }),
      { seed, numRuns: 200 },
    )
  })

  test('keeps them so across stops and deaths of the process', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(plans(steps, ['kill', 'stop']), async (plan) => {
        const play = new Play(plan)
        await play.run()
        expect(play.violations).toEqual([])
        expect(play.queue.left).toEqual([])
        // A process may die between a letter and its event.
        const buried = new Set(
          [...play.deadLetters.letters.values()].map(({ record }) => record.id),
        )
        for (const { record } of play.queue.slots) {
          const { length } = play.ends.get(record.id) ?? []
          expect(length > 0 || buried.has(record.id)).toBe(true)
        }
      }),
      { seed, numRuns: 200 },
    )
  })

  test('keeps a key in order also around dead letters that block it and are redriven', {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(plans(steps, []), async (plan) => {
        const play = new Play(plan)
        await play.runWithRedrives()
        expect(play.violations).toEqual([])
        expect(play.queue.left).toEqual([])
        for (const ends of play.ends.values()) {
          expect(ends.slice(0, -1).every((end) => end === 'dead')).toBe(true)
          expect(ends.at(-1)).not.toBe('dead')
        }
      }),
      { seed, numRuns: 150 },
    )
  })

  test('spends no attempt on an outage, a throttle or what is put off, however long', {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(plans(unspent, ['stop']), async (plan) => {
        const play = new Play({ ...plan, heldForMs: undefined })
        await play.run()
        expect(play.violations).toEqual([])
        expect(new Set([...play.attempts.values()].flat())).toEqual(new Set([1]))
        expect(new Set([...play.ends.values()].flat())).toEqual(new Set(['applied']))
      }),
      { seed, numRuns: 100 },
    )
  })
})
