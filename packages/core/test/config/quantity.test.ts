import { describe, expect, it } from 'vitest'
import { durationMs, sizeBytes } from '../../src/config/quantity.ts'

describe('durationMs', () => {
  it.each([
    [0, 0],
    [1500, 1500],
    ['200ms', 200],
    ['2s', 2000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['14d', 1_209_600_000],
  ] as const)('reads %s as %d ms', (given, ms) => {
    expect(durationMs(given)).toBe(ms)
  })

  it.each([
    '5',
    '5 m',
    'm',
    '-1s',
    '1w',
    '',
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    undefined,
    {},
  ])('refuses %s as a duration', (given) => {
    expect(() => durationMs(given as never)).toThrowError(
      expect.objectContaining({ code: 'ERR_INVALID_DURATION' }),
    )
  })
})

describe('sizeBytes', () => {
  it.each([
    [1, 1],
    ['512b', 512],
    ['64kb', 65_536],
    ['1.5mb', 1_572_864],
    ['2gb', 2_147_483_648],
  ] as const)('reads %s as %d bytes', (given, bytes) => {
    expect(sizeBytes(given)).toBe(bytes)
  })

  it.each([0, -1, 1.5, '0.3b', '64', '64MB', '64 mb', Number.NaN, null])(
    'refuses %s as a size',
    (given) => {
      expect(() => sizeBytes(given as never)).toThrowError(
        expect.objectContaining({ code: 'ERR_INVALID_SIZE' }),
      )
    },
  )
})
