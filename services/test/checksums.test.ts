import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkSums, recordedSums, sumsOf } from '../src/checksums.ts'
import { serverNames, servers } from '../src/servers/index.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-sums-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const jars = serverNames.flatMap((name) => servers[name].jars ?? [])

test.each(jars)('every jar that $name asks for is on record', ({ name, artifacts }) => {
  for (const artifact of artifacts) {
    const [, id, version] = artifact.split(':')
    expect(recordedSums(name)).toMatch(new RegExp(`^[0-9a-f]{64}  ${id}-${version}\\.jar$`, 'm'))
  }
})

test('sums are written as sha256sum writes them', () => {
  writeFileSync(join(directory, 'b.jar'), 'abc')
  writeFileSync(join(directory, 'a.jar'), '')
  expect(sumsOf(directory)).toBe(
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.jar\n' +
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b.jar\n',
  )
})

test('a folder with other files than those on record is refused, each by its name', () => {
  writeFileSync(join(directory, 'stranger.jar'), 'abc')
  expect(() => checkSums('sqs', directory)).toThrow(/is {7}ba7816bf\w+ {2}stranger\.jar/)
  expect(() => checkSums('sqs', directory)).toThrow(/expected \w{64} {2}elasticmq-server_3-1/)
})
