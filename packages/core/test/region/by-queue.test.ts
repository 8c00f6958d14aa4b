import { describe, expect, it } from 'vitest'
import type { Producer } from '../../src/producer/producer.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import { queueTarget } from '../../src/target/queue/queue-target.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { Row } from '../testing/versioned-store.ts'
import { openRegions, type RegionName } from './support/regions.ts'

/** Regions in which each peer's end is the queue that the peer reads. */
async function open(heldRecords = 10_000) {
  const clock = new VirtualClock()
  const queues = new Map((['eu', 'us', 'asia'] as const).map((name) => [name, memoryQueue()]))
  const queueOf = (name: RegionName) => queues.get(name) as ReturnType<typeof memoryQueue>
  const producerTo = (name: RegionName): Producer => ({
    send: async (records, options) => (await queueOf(name).producer()).send(records, options),
    close: async () => {},
  })
  const endOf = (_: RegionName, to: RegionName) => queueTarget<Row>({ producer: producerTo(to) })
  return { clock, ...(await openRegions({ clock, queueOf, endOf, heldRecords })) }
}

describe('regions that write into the queues of their peers', () => {
  it('apply everything once, and send nothing on', async () => {
    const { at, clock, close } = await open()
    const names = ['eu', 'us', 'asia'] as const
    for (const name of names) {
      await clock.runUntil(at(name).rows.write({ key: name, payload: { title: name } }))
    }
    await clock.advance(1000)
    for (const name of names) expect(new Set(at(name).store.came).size).toBe(3)
    for (const name of names) expect(at(name).store.came).toHaveLength(3)
    await close()
  })

  it('hold a record that is ahead where it is to be applied', async () => {
    const { at, clock, clockOf, close } = await open()
    clockOf('eu').offsetMs = 5000
    const { id } = await clock.runUntil(at('eu').rows.write({ key: 'a', payload: {} }))
    await clock.advance(3900)
    expect(at('us').store.came).toEqual([])
    expect(at('us').events.peerHeld).toMatchObject([{ peer: 'eu', id, code: 'ERR_VERSION_AHEAD' }])
    expect(at('us').events.held).toMatchObject([{ target: 'store', record: { id } }])
    await clock.advance(200)
    expect(at('us').store.came).toEqual([id])
    await close()
  })

  for (const [what, keyOf] of [
    ['many keys', (each: number) => `k${each}`],
    ['one key', () => 'k'],
  ] as const) {
    it(`go on with their own, however many records of ${what} are ahead, and lose none of them`, async () => {
      const { at, clock, clockOf, close } = await open(40)
      clockOf('eu').offsetMs = 3_600_000
      const ids: string[] = []
      const write = (key: string) => at('eu').rows.tryWrite({ key, payload: { title: key } })
      for (let each = 0; each < 100; each++) ids.push((await clock.runUntil(write(keyOf(each)))).id)
      await clock.advance(60_000)
      await clock.runUntil(at('us').rows.write({ key: 'own', payload: { title: 'us' } }))
      await clock.advance(31_000)
      expect(await at('us').store.read('own')).toEqual({ title: 'us' })
      const parked = (await at('us').rows.deadLetters.list({ limit: 1000 })).letters
      expect(parked.length).toBeGreaterThan(50)
      for (const { attempts } of parked) expect(attempts[0]?.code).toBe('ERR_VERSION_AHEAD')
      await clock.advance(3_700_000)
      await clock.runUntil(at('us').rows.deadLetters.redrive('all'))
      await clock.advance(1000)
      expect(new Set(at('us').store.came)).toEqual(new Set([...ids, ...at('us').store.came]))
      await close()
    })
  }

  it('write above what they have applied', async () => {
    const { at, clock, clockOf, close } = await open()
    clockOf('eu').offsetMs = 900
    const seen = await clock.runUntil(at('eu').rows.write({ key: 'a', payload: { title: 'eu' } }))
    await clock.advance(100)
    const own = await clock.runUntil(at('us').rows.write({ key: 'a', payload: { title: 'us' } }))
    expect(own.version).toBeGreaterThan(seen.version)
    await clock.advance(1000)
    for (const name of ['eu', 'us', 'asia'] as const) {
      expect(await at(name).store.read('a')).toEqual({ title: 'us' })
    }
    await close()
  })
})
