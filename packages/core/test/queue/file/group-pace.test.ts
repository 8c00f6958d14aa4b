import { beforeEach, describe, expect, it } from 'vitest'
import { GroupPace } from '../../../src/queue/file/group-pace.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'

let clock: VirtualClock
let pace: GroupPace

beforeEach(() => {
  clock = new VirtualClock()
  pace = new GroupPace(clock)
})

/** Callers that were answered come back, one after the other, in so many ms. */
async function comeBack(callers: number, withinMs: number): Promise<void> {
  await clock.advance(withinMs)
  for (let caller = 0; caller < callers; caller++) pace.added(1)
}

describe('the pace of groups', () => {
  it('lets the first record leave at once', () => {
    expect(pace.goal).toBe(1)
  })

  it('lets a lone caller leave at once, whatever came before', async () => {
    pace.wrote(300, 0, 1)
    await comeBack(1, 5)
    pace.wrote(1, 0, 1)
    expect(pace.goal).toBe(1)
  })

  it('waits for as many records as there are callers', async () => {
    pace.wrote(7, 3, 1)
    expect(pace.goal).toBe(10)
  })

  it('halves many callers that take longer to come back than a group takes to be written', async () => {
    pace.wrote(256, 0, 2)
    await comeBack(256, 3)
    pace.wrote(256, 0, 2)
    expect(pace.goal).toBe(128)
    await comeBack(128, 1.5)
    pace.wrote(128, 128, 2)
    expect(pace.goal).toBe(128)
  })

  it('keeps callers together that are back sooner than that', async () => {
    pace.wrote(256, 0, 2)
    await comeBack(256, 1)
    pace.wrote(256, 0, 2)
    expect(pace.goal).toBe(256)
  })

  it('keeps few callers together, however long they take', async () => {
    pace.wrote(100, 0, 2)
    await comeBack(100, 50)
    pace.wrote(100, 0, 2)
    expect(pace.goal).toBe(100)
  })
})
