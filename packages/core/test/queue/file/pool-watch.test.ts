import { beforeEach, describe, expect, it } from 'vitest'
import { PoolWatch } from '../../../src/queue/file/pool-watch.ts'

let now: number
/** Ends the look under way. */
let endLook: (() => void) | undefined
let looks: number
let watch: PoolWatch

beforeEach(() => {
  now = 0
  looks = 0
  endLook = undefined
  watch = new PoolWatch({
    now: () => now,
    look: () => {
      looks += 1
      return new Promise<void>((resolve) => {
        endLook = resolve
      })
    },
  })
})

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

/** A call through the pool that takes so long. */
async function call(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const followed = watch.follow(promise)
  now += ms
  resolve()
  await followed
}

async function lookFor(ms: number): Promise<void> {
  now += ms
  endLook?.()
  await settle()
}

async function becomeLate(): Promise<void> {
  await call(100)
  for (let look = 0; look < 3; look++) await lookFor(30)
}

describe('the watch of the thread pool', () => {
  it('does not look at it as long as calls are quick', async () => {
    for (let count = 0; count < 10; count++) {
      expect(watch.isLate()).toBe(false)
      await call(5)
    }
    expect(looks).toBe(0)
  })

  it('finds it late after a late call and three late looks in a row', async () => {
    await call(100)
    for (const expected of [false, false, true]) {
      await lookFor(30)
      expect(watch.isLate()).toBe(expected)
    }
  })

  it('holds a slow disk for no busy pool', async () => {
    for (let count = 0; count < 10; count++) {
      await call(500)
      await lookFor(1)
      expect(watch.isLate()).toBe(false)
    }
    expect(looks).toBe(10)
  })

  it('begins anew after a look that was soon back', async () => {
    await call(100)
    await lookFor(30)
    await lookFor(30)
    await lookFor(1)
    await call(100)
    await lookFor(30)
    expect(watch.isLate()).toBe(false)
  })

  it('finds a pool late that does not answer at all, while a call waits', async () => {
    const hung = new Promise<void>(() => {})
    void watch.follow(hung)
    now += 30
    expect(watch.isLate()).toBe(false)
    expect(looks).toBe(1)
    now += 60
    expect(watch.isLate()).toBe(true)
  })

  it('finds it timely again after three looks, a while apart, that are soon back', async () => {
    await becomeLate()
    const before = looks
    expect(watch.isLate()).toBe(true)
    expect(looks).toBe(before)
    for (const expected of [true, true, false]) {
      now += 300
      expect(watch.isLate()).toBe(true)
      await lookFor(1)
      expect(watch.isLate()).toBe(expected)
    }
    expect(looks).toBe(before + 3)
  })

  it('stays with it where the pool is late again between the looks', async () => {
    await becomeLate()
    for (const ms of [1, 1, 30, 1, 1]) {
      now += 300
      watch.isLate()
      await lookFor(ms)
      expect(watch.isLate()).toBe(true)
    }
  })

  it('passes on what a call answers, and its failure', async () => {
    expect(await watch.follow(Promise.resolve(7))).toBe(7)
    await expect(watch.follow(Promise.reject(new Error('no')))).rejects.toThrow('no')
  })
})
