import { describe, expect, it } from 'vitest'
import { goalAfter } from '../../../src/queue/file/group-pace.ts'

describe('the pace of groups', () => {
  it('lets a lone caller leave at once', () => {
    expect(goalAfter(1, 0)).toBe(1)
  })

  it('waits for as many records as there are callers', () => {
    expect(goalAfter(7, 3)).toBe(10)
    expect(goalAfter(127, 0)).toBe(127)
  })

  it('halves many callers, and keeps to that once they are halved', () => {
    expect(goalAfter(256, 0)).toBe(128)
    expect(goalAfter(128, 128)).toBe(128)
    expect(goalAfter(128, 1)).toBe(65)
  })
})
