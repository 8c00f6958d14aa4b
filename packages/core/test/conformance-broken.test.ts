import { describe, expect, it } from 'vitest'
import { expectKept } from '../../../tests/support/expect-kept.ts'
import {
  type ConformanceCase,
  deadLetterQueueConformance,
  queueConformance,
  runConformance,
  targetConformance,
} from '../src/testing/index.ts'
import {
  type BrokenDeadLetterQueue,
  brokenDeadLetterQueues,
  wholeDeadLetterQueue,
} from './testing/broken-dead-letter-queues.ts'
import { brokenPastQueues, wholePastQueue } from './testing/broken-past-queues.ts'
import { type BrokenQueue, brokenQueues, wholeQueue } from './testing/broken-queues/index.ts'
import { type BrokenTarget, brokenTargets, wholeTarget } from './testing/broken-targets.ts'
import { rowPayloads } from './testing/versioned-store.ts'

// A suite is worth what it finds: each of these doubles has one flaw, and must not get past it.

const seed = Number(process.env['DAYBOOK_SEED'])
// Little patience with what never comes. What is whole gets more, also on a busy machine.
const impatient = { patienceMs: 250, quietMs: 15, shortDelayMs: 50, seed }
const patient = { ...impatient, patienceMs: 5_000 }

const queueCases = (create: BrokenQueue['create'], options = impatient) =>
  queueConformance({ create, ...options })
const letterCases = (create: BrokenDeadLetterQueue['create'], options = impatient) =>
  deadLetterQueueConformance({ create, ...options })
const targetCases = (create: BrokenTarget['create'], options = impatient) =>
  targetConformance({ create, ...rowPayloads, ...options })

describe('queueConformance', { concurrent: true }, () => {
  for (const { flaw, create, turnsRed } of [...brokenQueues, ...brokenPastQueues]) {
    it(`finds a queue that ${flaw}`, () => expectRed(queueCases(create), turnsRed))
  }
  it('passes the whole queue in the same wrapping', () =>
    expectGreen(queueCases(wholeQueue, patient)))
  it('passes the whole queue with a past', () => expectGreen(queueCases(wholePastQueue, patient)))
  it('has no case that no broken queue turns red', () =>
    expectAllRed(queueCases(wholeQueue), [...brokenQueues, ...brokenPastQueues]))
})

describe('deadLetterQueueConformance', { concurrent: true }, () => {
  for (const { flaw, create, turnsRed } of brokenDeadLetterQueues) {
    it(`finds a dead-letter queue that ${flaw}`, () => expectRed(letterCases(create), turnsRed))
  }
  it('passes the whole dead-letter queue in the same wrapping', () =>
    expectGreen(letterCases(wholeDeadLetterQueue, patient)))
  it('has no case that no broken dead-letter queue turns red', () =>
    expectAllRed(letterCases(wholeDeadLetterQueue), brokenDeadLetterQueues))
})

describe('targetConformance', { concurrent: true }, () => {
  for (const { flaw, create, turnsRed } of brokenTargets) {
    it(`finds a target that ${flaw}`, () => expectRed(targetCases(create), turnsRed))
  }
  it('passes the whole target in the same wrapping', () =>
    expectGreen(targetCases(wholeTarget, patient)))
  it('has no case that no broken target turns red', () =>
    expectAllRed(targetCases(wholeTarget), brokenTargets))
})

async function expectRed(
  cases: readonly ConformanceCase[],
  turnsRed: readonly string[],
): Promise<void> {
  const names = cases.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining([...turnsRed]))
  const results = await runConformance(
    cases.filter(({ name }) => turnsRed.includes(name)),
    { concurrency: turnsRed.length },
  )
  for (const { name, failure } of results) {
    expect(failure, `"${name}" stays green`).toMatchObject({ name: 'AssertionError' })
  }
}

async function expectGreen(cases: readonly ConformanceCase[]): Promise<void> {
  expectKept(await runConformance(cases, { concurrency: 8 }))
}

/** A case that cannot fail is none. */
function expectAllRed(
  cases: readonly ConformanceCase[],
  doubles: readonly { readonly turnsRed: readonly string[] }[],
): void {
  const red = new Set(doubles.flatMap(({ turnsRed }) => turnsRed))
  expect(cases.map(({ name }) => name).filter((name) => !red.has(name))).toEqual([])
}
