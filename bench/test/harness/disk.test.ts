import { expect, test } from 'vitest'
import { fileSystemName, judgeDisk } from '../../src/harness/disk.ts'

const ext4 = { type: 0xef53, bavail: 1000, bsize: 4096 }

test('takes a disk with enough room', () => {
  expect(judgeDisk('/data', ext4, 4_096_000)).toEqual({ fileSystem: 'ext4', freeBytes: 4_096_000 })
})

test.each([
  ['tmpfs', 0x01021994],
  ['ramfs', 0x858458f6],
  ['ramfs', 0x858458f6 - 2 ** 32],
])('refuses %s (%i), naming the directory and the way out', (name, type) => {
  expect(() => judgeDisk('/data', { ...ext4, type }, 0)).toThrow(
    new RegExp(`^/data is on ${name}, which keeps files in memory.*--directory`),
  )
})

test('refuses a disk without the room the run needs', () => {
  expect(() => judgeDisk('/data', ext4, 4_096_000.5)).toThrow(
    '/data has 4096000 bytes free and this run may need 4096001',
  )
})

test('names an unknown file system by its number', () => {
  expect(fileSystemName(0x1234)).toBe('0x1234')
})
