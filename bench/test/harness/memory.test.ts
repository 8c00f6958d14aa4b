import { expect, test } from 'vitest'
import { growth } from '../../src/harness/memory.ts'

test('growth is the difference, part by part', () => {
  const idle = { rssBytes: 100, heapBytes: 10, buffersBytes: 5 }
  const full = { rssBytes: 150, heapBytes: 9, buffersBytes: 8 }
  expect(growth(idle, full)).toEqual({ rssBytes: 50, heapBytes: -1, buffersBytes: 3 })
})
