import { describe, expect, test } from 'vitest'
import { permanent } from '../../src/target/target.ts'
import { harness } from './support/harness.ts'
import { hiccup, ScriptedTarget } from './support/scripted-target.ts'

describe('order per key', () => {
  test('holds back only the key of a record that waits out a backoff', async () => {
    const h = harness()
    for (const key of ['a', 'a', 'b', 'a', 'b']) h.queue.add({ key })
    h.target.script('r1', hiccup, hiccup)
    await h.run()
    expect(h.target.seen.filter((id) => ['r3', 'r5'].includes(id))).toEqual(['r3', 'r5'])
    expect(h.target.seen.filter((id) => ['r1', 'r2', 'r4'].includes(id))).toEqual([
      'r1',
      'r1',
      'r1',
      'r2',
      'r4',
    ])
    expect(h.target.seen.indexOf('r5')).toBeLessThan(h.target.seen.indexOf('r2'))
  })

  test('goes on with a key after its dead letter', async () => {
    const h = harness()
    h.queue.add()
    h.queue.add()
    h.target.script('r1', hiccup, hiccup, hiccup)
    expect(await h.run()).toMatchObject({ applied: 1, dead: 1 })
    expect(h.target.seen).toEqual(['r1', 'r1', 'r1', 'r2'])
  })

  test('puts one record of a key into a batch', async () => {
    const h = harness()
    for (const key of ['a', 'b', 'a', 'b', 'a']) h.queue.add({ key })
    await h.run()
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([['r1', 'r2'], ['r3', 'r4'], ['r5']])
  })

  test('puts several records of a key into a batch of a target that applies in order', async () => {
    const h = harness({ target: new ScriptedTarget({ appliesInOrder: true }) })
    for (const key of ['a', 'b', 'a', 'b', 'a']) h.queue.add({ key })
    // Each key's records stand together; between keys there is no order.
    await h.run()
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([['r1', 'r3', 'r5', 'r2', 'r4']])
  })

  test('puts several records of a key into a batch of a target that applies each key in order', async () => {
    const h = harness({ target: new ScriptedTarget({ appliesInOrder: 'key' }) })
    for (const key of ['a', 'b', 'a']) h.queue.add({ key })
    await h.run()
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([['r1', 'r3', 'r2']])
  })

  test('tries the later records of a key again after the one that failed in their batch', async () => {
    const h = harness({ target: new ScriptedTarget({ appliesInOrder: true }) })
    for (const key of ['a', 'a', 'a', 'b']) h.queue.add({ key })
    h.target.script('r1', hiccup)
    expect(await h.run()).toMatchObject({ applied: 4 })
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([
      ['r1', 'r2', 'r3', 'r4'],
      ['r1', 'r2', 'r3'],
    ])
    expect(h.target.calls[1]?.context.attempts).toEqual([2, 1, 1])
  })

  test('does not hold against a record that an earlier one of its key was rejected in their batch', async () => {
    const h = harness({ target: new ScriptedTarget({ appliesInOrder: true }) })
    for (const key of ['a', 'a', 'a']) h.queue.add({ key })
    h.target.script('r1', permanent('NO', 'never')).script('r2', hiccup)
    expect(await h.run()).toMatchObject({ applied: 2, dead: 1 })
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([
      ['r1', 'r2', 'r3'],
      ['r2', 'r3'],
    ])
    expect(h.target.calls[1]?.context.attempts).toEqual([1, 1])
  })

  test('without order each record goes by itself, whatever its key', async () => {
    const h = harness({ policy: { order: 'none' } })
    h.queue.add()
    h.queue.add()
    h.queue.add()
    h.target.script('r1', hiccup)
    await h.run()
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([['r1', 'r2', 'r3'], ['r1']])
  })

  test('records without a key do not wait for each other', async () => {
    const h = harness()
    h.queue.add({ key: undefined })
    h.queue.add({ key: undefined })
    h.target.script('r1', hiccup)
    await h.run()
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([['r1', 'r2'], ['r1']])
  })

  test('a slow key does not hold up the others', async () => {
    const target = new ScriptedTarget({ largestBatch: { maxRecords: 1 } })
    const h = harness({ target, policy: { concurrency: 2 } })
    h.queue.add({ key: 'slow' })
    for (let index = 0; index < 5; index++) h.queue.add({ key: 'slow' })
    for (let index = 0; index < 5; index++) h.queue.add({ key: `fast-${index}` })
    h.target.whole = (records) =>
      records.some(({ id }) => id === 'r1')
        ? new Promise<undefined>((resolve) => h.clock.setTimer(1000, () => resolve(undefined)))
        : undefined
    await h.start()
    expect(h.events.appliedIds).toEqual(['r7', 'r8', 'r9', 'r10', 'r11'])
    await h.clock.advance(1000)
    expect(h.events.appliedIds.slice(5)).toEqual(['r1', 'r2', 'r3', 'r4', 'r5', 'r6'])
  })

  test('reads the payloads of held records again, and gives them to the target whole', async () => {
    const h = harness()
    for (let index = 0; index < 4; index++) h.queue.add()
    h.target.script('r1', hiccup)
    await h.run()
    expect(h.queue.reloads).toBeGreaterThan(0)
    expect(h.target.calls.map(({ records }) => records[0]?.payload)).toEqual([1, 1, 2, 3, 4])
  })

  test('tries again to read a held record that cannot be read just now', async () => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', hiccup)
    h.queue.failNext('reload')
    expect(await h.run()).toMatchObject({ applied: 1 })
    expect(h.events.errors).toMatchObject([{ code: 'ERR_IO', retryable: true }])
    expect(h.target.calls.map(({ context }) => context.attempts)).toEqual([[1], [2]])
  })
})
