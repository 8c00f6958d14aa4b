import { memoryQueue } from '@daybook/core'
import { describe, expect, it } from 'vitest'
import { Arrivals } from '../../src/brokers/consuming.ts'
import { writeBare, writeThroughWal } from '../../src/brokers/writing.ts'

describe('Arrivals', () => {
  it('are whole with the last one, and not before', async () => {
    const arrivals = new Arrivals(3)
    let isWhole = false
    const whole = arrivals.whole().then(() => {
      isWhole = true
    })
    arrivals.add(2)
    await Promise.resolve()
    expect(isWhole).toBe(false)
    arrivals.add(1)
    await whole
    expect(isWhole).toBe(true)
  })

  it('fail where more come than were written', async () => {
    const arrivals = new Arrivals(3)
    arrivals.add(4)
    await expect(arrivals.whole()).rejects.toThrow('4 records came, of 3')
  })
})

describe('the writers', () => {
  it('write as many records as they are told, through the wal and bare', async () => {
    const task = { records: 25, payloadBytes: 10, writers: 4 }
    const round = await writeThroughWal(memoryQueue(), task, () => 5)
    expect(round.recordsPerSecond).toBeGreaterThan(0)
    const sent: string[][] = []
    const bare = await writeBare(
      task,
      { loops: 2, batchRecords: 10 },
      (key) => key,
      async (batch) => sent.push(batch),
    )
    expect(sent.flat()).toHaveLength(25)
    expect(new Set(sent.flat()).size).toBe(25)
    expect(bare.batchRecords).toBeCloseTo(25 / 3)
  })
})
