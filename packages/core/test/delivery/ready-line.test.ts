import { expect, it } from 'vitest'
import { Lane } from '../../src/delivery/lane.ts'
import { ReadyLine } from '../../src/delivery/ready-line.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

function keysIn(line: ReadyLine): readonly (string | undefined)[] {
  const keys: (string | undefined)[] = []
  for (let lane = line.first; lane !== undefined; lane = lane.behind) keys.push(lane.key)
  return keys
}

it('lanes stand in the order in which they joined the line, and count for what they have', () => {
  const random = new SeededRandom(seed)
  const line = new ReadyLine()
  const lanes = Array.from({ length: 20 }, (_, index) => new Lane(String(index)))
  const expected = new Map<Lane, number>()
  for (let step = 0; step < 3000; step++) {
    const lane = lanes[random.integer(0, lanes.length - 1)] as Lane
    const records = random.integer(0, 3)
    line.count(lane, records)
    if (records === 0) expected.delete(lane)
    else expected.set(lane, records)
    expect(keysIn(line)).toEqual([...expected.keys()].map(({ key }) => key))
    expect(line.records).toBe([...expected.values()].reduce((sum, each) => sum + each, 0))
  }
  line.clear()
  expect([keysIn(line), line.records]).toEqual([[], 0])
  expect(lanes.filter(({ counted, ahead, behind }) => counted || ahead || behind)).toEqual([])
})
