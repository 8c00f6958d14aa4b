import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { groupSuites, runGroups } from '../../scripts/integration/groups.ts'
import { notRunTable, readNotRun, writeNotRun } from '../../scripts/integration/not-run.ts'
import { Provider } from '../../scripts/integration/provider.ts'
import { findSuites, readNeeds } from '../../scripts/integration/suites.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-not-run-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('a suite names the servers that it needs in its first line', () => {
  expect(readNeeds('a.test.ts', '// needs: kafka, sqs\n\nimport …')).toEqual(['kafka', 'sqs'])
  expect(readNeeds('a.test.ts', '// needs: own kafka\n')).toEqual(['own kafka'])
})

test.each([
  '',
  'import …\n// needs: kafka\n',
  '// needs: kafka, nothing\n',
  '// needs: toString\n',
  '// needs: own nothing\n',
])('a suite that begins with %j is refused by its name', (text) =>
  expect(() => readNeeds('a.test.ts', text)).toThrow(/^a\.test\.ts must begin with/),
)

test('every suite of this repository says what it needs', () => {
  const root = dirname(dirname(import.meta.dirname))
  expect(findSuites(root).map(({ path }) => path)).toContain(
    'services/test/integration/kafka.test.ts',
  )
})

test('what was not run is handed over and ends in a table; nothing is no table', () => {
  const file = join(directory, 'not-run.json')
  expect(notRunTable(readNotRun(file))).toBe('')
  writeNotRun(file, [{ suite: 'a.test.ts', why: 'kafka needs Java 17' }])
  expect(notRunTable(readNotRun(file)).split('\n')).toEqual([
    'NOT RUN    because',
    'a.test.ts  kafka needs Java 17',
    '',
    'How to get what is missing: npm run services doctor',
  ])
})

/** A machine without Java, on which one of the other servers does not start. */
function providerOf(isCi: boolean) {
  const failures: string[] = []
  const started: string[] = []
  const provider = new Provider({
    isCi,
    lacks: (name) => (name === 'kafka' ? ['Java 17'] : []),
    async start(name) {
      started.push(name)
      return name === 'memcached' ? undefined : 'it says no'
    },
    failed: (name, reason) => failures.push(`${name}: ${reason}`),
  })
  return { provider, failures, started }
}

test('what a laptop lacks is no failure, and is not tried; what should start there and does not is one', async () => {
  const { provider, failures, started } = providerOf(false)
  expect(await provider.provide('kafka')).toBe(false)
  expect(failures).toEqual([])
  expect(await provider.provide('redis')).toBe(false)
  expect(await provider.provide('redis')).toBe(false)
  expect(await provider.provide('memcached')).toBe(true)
  expect(failures).toEqual(['redis: it says no'])
  expect(started).toEqual(['redis', 'memcached'])
  expect(provider.why(['kafka', 'memcached', 'redis'])).toBe(
    'kafka needs Java 17; redis did not start',
  )
  expect(provider.why(['memcached'])).toBe('')
})

test('in CI a server that cannot start is a failure by its name, whatever the machine lacks', async () => {
  const { provider, failures } = providerOf(true)
  expect(await provider.provide('kafka')).toBe(false)
  expect(failures).toEqual(['kafka: it says no'])
  expect(provider.why(['kafka'])).toBe('kafka did not start')
})

test('suites that share a server run one after the other, others side by side', async () => {
  const groups = groupSuites([
    { path: 'a', needs: ['kafka'] },
    { path: 'b', needs: ['sqs', 'kafka'] },
    { path: 'c', needs: ['kafka'] },
    { path: 'd', needs: ['redis'] },
    { path: 'e', needs: ['kafka', 'sqs'] },
    { path: 'f', needs: ['sqs'] },
    { path: 'g', needs: ['own kafka'] },
  ])
  const running = new Set<string>()
  const seen: string[] = []
  await runGroups(groups, 2, async ({ needs, suites }) => {
    for (const name of needs) {
      expect(running).not.toContain(name)
      running.add(name)
    }
    seen.push([...running].join(' '))
    await new Promise((resolve) => setTimeout(resolve, 5 * suites.length))
    for (const name of needs) running.delete(name)
  })
  expect(seen).toHaveLength(5)
  expect(seen[0]).toBe('kafka sqs')
  expect(['kafka sqs redis', 'kafka sqs own kafka']).toContain(seen[1])
})

test('the group whose servers are wanted most comes first, however small it is', () => {
  const groups = groupSuites([
    { path: 'a', needs: ['kafka'] },
    { path: 'b', needs: ['kafka'] },
    { path: 'c', needs: ['redis'] },
    { path: 'd', needs: ['redis'] },
    { path: 'e', needs: ['sqs', 'kafka'] },
    { path: 'f', needs: ['sqs'] },
  ])
  const order = groups.map(({ needs }) => needs.join(' '))
  expect(order).toEqual(['kafka sqs', 'kafka', 'redis', 'sqs'])
})

test('a group that fails ends the run of groups', async () => {
  const groups = groupSuites([{ path: 'a', needs: ['kafka'] }])
  const fails = runGroups(groups, 2, () => Promise.reject(new Error('no')))
  await expect(fails).rejects.toThrow('no')
})
