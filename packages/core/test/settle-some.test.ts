import { expect, it } from 'vitest'
import { settleSome } from '../src/settle-some.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

it('runs so many at a time, and answers in the order of the items', async () => {
  let running = 0
  let most = 0
  const results = await settleSome(3, [5, 1, 4, 2, 3, 0, 6], async (turns) => {
    most = Math.max(most, ++running)
    for (let at = 0; at < turns; at++) await turn()
    running--
    return turns
  })
  expect(most).toBe(3)
  expect(results.map((result) => result.status === 'fulfilled' && result.value)).toEqual([
    5, 1, 4, 2, 3, 0, 6,
  ])
})

it('begins no more once one has failed, and waits for those under way', async () => {
  const begun: number[] = []
  const ended: number[] = []
  const results = await settleSome(2, [0, 1, 2, 3, 4], async (item) => {
    begun.push(item)
    if (item === 1) throw new Error('no')
    for (let at = 0; at < 5; at++) await turn()
    ended.push(item)
  })
  expect(begun).toEqual([0, 1])
  expect(ended).toEqual([0])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
})
