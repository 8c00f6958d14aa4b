import { expect, test } from 'vitest'
import { count, megabytes, ratio, table } from '../../src/harness/report.ts'
import { summarize } from '../../src/harness/statistics.ts'

const escapeCharacter = String.fromCharCode(27)

test('draws plain columns without lines or colours for a pipe', () => {
  const text = table(
    ['', 'records/s'],
    [
      ['node loop', '812,345'],
      ['ours', '5'],
    ],
    false,
  )
  expect(text.split('\n')).toEqual([
    '           records/s',
    'node loop    812,345',
    'ours               5',
  ])
})

test('draws lines for a terminal', () => {
  expect(table(['', 'records/s'], [['ours', '5']], true)).toContain('│')
  expect(table(['', 'records/s'], [['ours', '5']], false)).not.toContain(escapeCharacter)
})

test('writes figures as people read them', () => {
  expect(count(812_345.4)).toBe('812,345')
  expect(megabytes(536_870_912)).toBe('537 MB')
  expect(ratio(summarize([0.5, 0.525, 0.55]))).toBe('0.53 (0.50 to 0.55)')
})
