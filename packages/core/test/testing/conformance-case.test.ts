import { describe, expect, it } from 'vitest'
import { type ConformanceCase, runConformance } from '../../src/testing/index.ts'

describe('runConformance', () => {
  it('tells how each case ended, in their order', async () => {
    const failure = new Error('broken')
    const cases: readonly ConformanceCase[] = [
      { name: 'slow', run: () => new Promise((resolve) => setImmediate(resolve)) },
      { name: 'red', run: () => Promise.reject(failure) },
      { name: 'green', run: async () => {} },
    ]
    const expected = [
      { name: 'slow', failure: undefined },
      { name: 'red', failure },
      { name: 'green', failure: undefined },
    ]
    expect(await runConformance(cases)).toEqual(expected)
    expect(await runConformance(cases, { concurrency: 3 })).toEqual(expected)
  })

  it('takes a case that rejects with nothing for a failure', async () => {
    const [result] = await runConformance([{ name: 'mute', run: () => Promise.reject() }])
    expect(result?.failure).toBeInstanceOf(Error)
  })

  it('runs as many cases at once as it is told', async () => {
    let running = 0
    let most = 0
    const run = async (): Promise<void> => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
    }
    const cases = Array.from({ length: 9 }, (_, at) => ({ name: `case ${at}`, run }))
    await runConformance(cases)
    expect(most).toBe(1)
    await runConformance(cases, { concurrency: 4 })
    expect(most).toBe(4)
  })
})
