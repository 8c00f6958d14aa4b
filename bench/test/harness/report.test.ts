import { expect, test } from 'vitest'
import {
  byteSize,
  count,
  counted,
  megabytes,
  provenance,
  ratio,
  seconds,
  table,
} from '../../src/harness/report.ts'
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
  expect(counted(1, 'round')).toBe('1 round')
  expect(counted(5000, 'round')).toBe('5,000 rounds')
  expect(byteSize(128)).toBe('128 B')
  expect(byteSize(65_536)).toBe('64 KiB')
  expect(seconds(1500)).toBe('1.50 s')
  expect(megabytes(536_870_912)).toBe('537 MB')
  expect(ratio(summarize([0.5, 0.525, 0.55]))).toBe('0.53 (0.50 to 0.55)')
})

test('warns when the machine was busy with other things', () => {
  const machine = {
    cpu: 'a CPU',
    cores: 2,
    memoryBytes: 1e9,
    platform: 'linux',
    node: 'v24',
    fileSystem: 'ext4',
    freeDiskBytes: 1e9,
  }
  const load = { before: 0.1, after: 1, othersShare: 0.24 }
  expect(provenance(machine, load)).not.toContain('busy')
  expect(provenance(machine, { ...load, othersShare: 0.25 })).toContain('busy')
})
