import { expect, test } from 'vitest'
import { follows } from '../../src/platformatic/platformatic-group.ts'

test('a member of @platformatic/kafka that missed a generation, or has a new name, has not kept its partitions', () => {
  const last = { memberId: 'm', generation: 7 }
  expect(follows(last, { memberId: 'm', generation: 8 })).toBe(true)
  expect(follows(last, { memberId: 'm', generation: 9 })).toBe(false)
  expect(follows(last, { memberId: 'n', generation: 8 })).toBe(false)
})
