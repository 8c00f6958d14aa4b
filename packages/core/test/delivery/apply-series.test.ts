import { expect, test } from 'vitest'
import { ApplySeries } from '../../src/delivery/apply-series.ts'
import { StopCalls } from '../../src/delivery/stop-calls.ts'
import { makeRecord, VirtualClock } from '../../src/testing/index.ts'

type Apply = (signal: AbortSignal) => Promise<void>

function series(apply: Apply) {
  const clock = new VirtualClock()
  const stop = new AbortController()
  const seen: { readonly attempts: readonly number[]; readonly signal: AbortSignal }[] = []
  const options = {
    target: {
      idempotency: 'version',
      apply: (_: unknown, context: { attempts: readonly number[]; signal: AbortSignal }) => {
        seen.push(context)
        return apply(context.signal)
      },
    } as const,
    context: { namespace: 'rows', target: 'base' },
    ...{ timeoutMs: 1000, graceMs: 500, clock, stop: new StopCalls(stop.signal) },
  }
  const one = new ApplySeries(options)
  return { one, clock, stop, seen, apply: () => one.apply([makeRecord(), makeRecord()], 3) }
}

const never = () => new Promise<void>(() => {})
const untilAborted: Apply = (signal) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

test('each apply of a series has the whole time-out, counted from its own beginning', async () => {
  let answers = 3
  const s = series((signal) =>
    answers-- > 0 ? new Promise((resolve) => s.clock.setTimer(700, resolve)) : untilAborted(signal),
  )
  for (let count = 0; count < 3; count++) {
    const end = s.apply()
    await s.clock.advance(700)
    expect(await end).toEqual({ kind: 'answered', answer: undefined })
    await s.clock.advance(250)
  }
  const end = s.apply()
  await s.clock.advance(999)
  expect(s.seen.at(-1)?.signal.aborted).toBe(false)
  await s.clock.advance(1)
  expect(await end).toEqual({ kind: 'timeout', heeded: true })
  expect(s.seen.at(-1)).toMatchObject({
    attempts: [3, 3],
    signal: { reason: { name: 'TimeoutError' } },
  })
})

test('what an apply of a series answers after its grace is not taken for the answer of the next one', async () => {
  const late: (() => void)[] = []
  const s = series(() => new Promise((resolve) => late.push(resolve)))
  const first = s.apply()
  await s.clock.advance(1500)
  expect(await first).toEqual({ kind: 'timeout', heeded: false })
  let isEnded = false
  const second = s.apply().finally(() => {
    isEnded = true
  })
  late[0]?.()
  await s.clock.advance(1)
  expect(isEnded).toBe(false)
  late[1]?.()
  expect(await second).toEqual({ kind: 'answered', answer: undefined })
  expect(s.seen.map(({ signal }) => signal.aborted)).toEqual([true, false])
})

test('a delivery that stops ends the apply of a series, and those that would come', async () => {
  const s = series(untilAborted)
  const end = s.apply()
  s.stop.abort()
  expect(await end).toEqual({ kind: 'stopped' })
  expect(await s.apply()).toEqual({ kind: 'stopped' })
  expect(s.seen).toHaveLength(1)
  const deaf = series(never)
  const given = deaf.apply()
  deaf.stop.abort()
  await deaf.clock.advance(500)
  expect(await given).toEqual({ kind: 'stopped' })
})

test('what an apply of a series throws, at once or later, is its end alone', async () => {
  const errors: (() => Promise<void>)[] = [
    () => Promise.reject(new Error('later')),
    () => {
      throw new Error('at once')
    },
  ]
  const s = series(async () => {})
  const failing = series(() => errors.pop()?.() ?? Promise.resolve())
  expect(await s.apply()).toEqual({ kind: 'answered', answer: undefined })
  expect(await failing.apply()).toEqual({ kind: 'threw', error: new Error('at once') })
  expect(await failing.apply()).toEqual({ kind: 'threw', error: new Error('later') })
  expect(await failing.apply()).toEqual({ kind: 'answered', answer: undefined })
})

test('a time-out in a series aborts nothing of the applies that were answered before', async () => {
  let answers = 3
  const s = series((signal) => (answers-- > 0 ? Promise.resolve() : untilAborted(signal)))
  for (let count = 0; count < 3; count++) await s.apply()
  const end = s.apply()
  await s.clock.advance(1000)
  expect(await end).toEqual({ kind: 'timeout', heeded: true })
  expect(s.seen.map(({ signal }) => signal.aborted)).toEqual([false, false, false, true])
})

test('a series lets go of its timer and listener at its end', async () => {
  const s = series(async () => {})
  for (let count = 0; count < 200; count++) await s.apply()
  s.one.end()
  await s.clock.advance(10_000)
  expect(s.seen.every(({ signal }) => !signal.aborted)).toBe(true)
  s.stop.abort()
  expect(s.seen.every(({ signal }) => !signal.aborted)).toBe(true)
})
