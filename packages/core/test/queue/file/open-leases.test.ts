import { expect, it } from 'vitest'
import { FileLease } from '../../../src/queue/file/file-lease.ts'
import { OpenLeases } from '../../../src/queue/file/open-leases.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

it('leases that come and go stay in the order in which they came', () => {
  const random = new SeededRandom(seed)
  const leases = new OpenLeases()
  const expected: FileLease[] = []
  const record = makeStoredRecord()
  for (let step = 1; step <= 2000; step++) {
    if (expected.length === 0 || random.chance(0.52)) {
      const lease = new FileLease({ sequence: step, address: step, bytes: 1, record }, step)
      leases.add(lease)
      expected.push(lease)
    } else {
      const [lease] = expected.splice(random.integer(0, expected.length - 1), 1)
      leases.delete(lease as FileLease)
      expect(lease).toMatchObject({ older: undefined, newer: undefined })
    }
    expect(leases.oldest).toBe(expected[0])
  }
  const positions = [...leases].map(({ position }) => position)
  expect(positions).toEqual(expected.map(({ position }) => position))
  for (const lease of expected) leases.delete(lease)
  expect([...leases]).toEqual([])
})
