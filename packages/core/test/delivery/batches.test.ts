import { describe, expect, test } from 'vitest'
import { applied, permanent, transient, unavailable } from '../../src/target/target.ts'
import { harness } from './support/harness.ts'
import { hiccup, ScriptedTarget } from './support/scripted-target.ts'

describe('batches', () => {
  test('hold as many records as the policy allows, or the target if it takes fewer', async () => {
    const target = new ScriptedTarget({ largestBatch: { maxRecords: 3 } })
    const h = harness({ target, policy: { batch: { maxRecords: 4, maxBytes: 1e6, lingerMs: 0 } } })
    h.queue.addMany(7)
    await h.run()
    expect(h.target.calls.map(({ ids }) => ids.length)).toEqual([3, 3, 1])
  })

  test('hold as many bytes as allowed, though a single larger record goes by itself', async () => {
    const h = harness({ policy: { batch: { maxRecords: 100, maxBytes: 250, lingerMs: 0 } } })
    h.queue.addMany(3)
    h.queue.add({ key: 'large' }, { bytes: 1000 })
    h.queue.addMany(1)
    await h.run()
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([['r1', 'r2'], ['r3'], ['r4'], ['r5']])
  })

  test('wait for more records while they linger, and go when they are full', async () => {
    const h = harness({ policy: { batch: { maxRecords: 3, maxBytes: 1e6, lingerMs: 50 } } })
    await h.start()
    h.queue.addMany(1)
    await h.clock.advance(30)
    h.queue.addMany(1)
    await h.clock.advance(19)
    expect(h.target.calls).toEqual([])
    await h.clock.advance(1)
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([['r1', 'r2']])
    h.queue.addMany(3)
    await h.clock.settle()
    expect(h.target.calls).toHaveLength(2)
  })

  test('run side by side, as many as the concurrency allows', async () => {
    const h = harness({
      policy: { concurrency: 3, batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 } },
    })
    let underWay = 0
    let most = 0
    h.target.whole = async () => {
      underWay++
      most = Math.max(most, underWay)
      await new Promise<void>((resolve) => h.clock.setTimer(10, resolve))
      underWay--
    }
    h.queue.addMany(10)
    await h.run()
    expect(most).toBe(3)
  })

  test('are halved until the record that makes them fail is alone, and only it spends an attempt', async () => {
    const h = harness()
    h.queue.addMany(16)
    h.target.whole = (records) => {
      if (records.some(({ id }) => id === 'r11')) throw new Error('poison')
    }
    expect(await h.run()).toMatchObject({ applied: 15, dead: 1 })
    expect(h.events.letters).toMatchObject([
      { record: { id: 'r11' }, attemptsSpent: 3, code: 'Error', message: 'poison' },
    ])
    const perRecord = h.target.calls.filter(({ ids }) => ids.includes('r11'))
    // 16, 8, 4, 2 and 1 at first; then it goes alone.
    expect(perRecord.map(({ ids }) => ids.length)).toEqual([16, 8, 4, 2, 1, 1, 1])
    expect(h.target.calls.every(({ context }) => Math.max(...context.attempts) <= 3)).toBe(true)
    for (const id of h.events.appliedIds) {
      const attempts = h.target.calls.flatMap(({ ids, context }) =>
        ids.flatMap((each, index) => (each === id ? [context.attempts[index]] : [])),
      )
      expect(new Set(attempts)).toEqual(new Set([1]))
    }
  })

  test('are halved also where the target throws a permanent failure for the whole', async () => {
    const h = harness()
    h.queue.addMany(4)
    h.target.whole = (records) => {
      if (records.some(({ id }) => id === 'r2')) throw permanent('BAD', 'does not fit')
    }
    expect(await h.run()).toMatchObject({ applied: 3, dead: 1 })
    expect(h.events.letters).toMatchObject([{ record: { id: 'r2' }, attemptsSpent: 1 }])
  })

  test('are not halved where the target is down', async () => {
    const h = harness()
    h.queue.addMany(8)
    let isDown = true
    h.target.whole = () => {
      if (isDown) throw unavailable('DOWN', 'nobody is there')
    }
    await h.start()
    expect(h.target.calls).toHaveLength(1)
    isDown = false
    expect(await h.drain()).toMatchObject({ applied: 8, dead: 0 })
  })

  test.each([
    ['too few', [applied]],
    ['too many', [applied, applied, applied]],
    ['no outcomes at all', [{ status: 'fine' }, { status: 'fine' }]],
    ['not even a list', 'ok'],
    ['failures without a reason', [applied, { status: 'transient' }]],
  ])('fail as a whole where the outcomes are wrong: %s', async (_, outcomes) => {
    const h = harness({ policy: { retry: { maxAttempts: 1, minDelayMs: 1, maxDelayMs: 1 } } })
    h.queue.addMany(2)
    h.target.whole = (records) => (records.length === 2 ? outcomes : undefined)
    expect(await h.run()).toMatchObject({ applied: 2 })
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([['r1', 'r2'], ['r1'], ['r2']])
  })

  test('a single record with wrong outcomes spends its attempts, and its letter says why', async () => {
    const h = harness()
    h.queue.add()
    h.target.whole = () => []
    expect(await h.run()).toMatchObject({ dead: 1 })
    expect(h.events.letters[0]).toMatchObject({ code: 'ERR_BAD_OUTCOMES', attemptsSpent: 3 })
    expect(h.events.letters[0]?.message).toContain(
      "Target 'search' answered 0 outcomes for 1 records",
    )
  })

  test('have an outcome each: some are done while others are tried again', async () => {
    const h = harness()
    h.queue.addMany(3)
    h.target.script('r2', hiccup)
    h.target.script('r3', transient('LATER', 'later'))
    await h.start()
    expect(h.queue.acks).toEqual(['r1'])
    expect(await h.drain()).toMatchObject({ applied: 2 })
  })

  test('a target that throws at once, rather than rejecting, is no different', async () => {
    const h = harness({
      options: {
        target: {
          idempotency: 'none',
          apply() {
            throw new TypeError('oops')
          },
        },
      },
    })
    h.queue.add()
    expect(await h.run()).toMatchObject({ dead: 1 })
    expect(h.events.letters[0]).toMatchObject({ code: 'TypeError', message: 'oops' })
  })
})
