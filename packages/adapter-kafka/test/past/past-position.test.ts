import { expect, test } from 'vitest'
import { parsePosition, positionText } from '../../src/past/past-position.ts'

test('a position comes back from its text, also where partitions were added since', () => {
  const position = { records: [[0, 12, 7], [5]], delays: [3] }
  expect(parsePosition(positionText(position), [3, 1], 1)).toEqual(position)
  expect(parsePosition(positionText(position), [6, 1, 4], 2)).toEqual(position)
})

test.each(['', '2:0,1:0', '1:0,x:0', '1:0,-1:0', '1:0,1,2:0', '1:0:0,0', '1:1.5:0', '1:0;0:0'])(
  '"%s" is no position of a topic with two partitions',
  (text) => {
    expect(() => parsePosition(text, [2], 1)).toThrow(/is no position/)
  },
)
