import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { directoryOf, newId, readInstances, writeInstance } from '../src/instance.ts'
import { isUp } from '../src/is-up.ts'
import { removeWhatComes } from '../src/removal.ts'
import type { ServerName } from '../src/servers/index.ts'

const before = process.env['DAYBOOK_SERVICES']
beforeEach(() => {
  process.env['DAYBOOK_SERVICES'] = mkdtempSync(join(tmpdir(), 'daybook-removal-'))
})
afterEach(() => {
  rmSync(process.env['DAYBOOK_SERVICES'] ?? '', { recursive: true, force: true })
  if (before === undefined) delete process.env['DAYBOOK_SERVICES']
  else process.env['DAYBOOK_SERVICES'] = before
})

/** A server that is on record, and down. */
function record(server: ServerName, name = 'main'): void {
  const directory = directoryOf(server, name)
  writeInstance({
    ...{ server, name, directory, id: newId(), ports: { client: 1 } },
    ...{ options: {}, runner: 'process' },
  })
}

const recorded = (): readonly string[] =>
  readInstances().map(({ server, name }) => `${server} ${name}`)

test('servers that came since are taken away, and those from before stay', async () => {
  record('redis')
  const remove = removeWhatComes()
  record('kafka')
  record('redis', 'eu')
  await remove()
  expect(recorded()).toEqual(['redis main'])
})

test('who names its servers leaves alone what others start beside it', async () => {
  const remove = removeWhatComes(['kafka', 'sqs'])
  const removeOwn = removeWhatComes(['sqs'], 'own')
  record('kafka')
  record('redis')
  record('sqs', 'conformance')
  record('sqs', 'own')
  await remove()
  expect(recorded()).toEqual(['redis main', 'sqs conformance', 'sqs own'])
  await removeOwn()
  expect(recorded()).toEqual(['redis main', 'sqs conformance'])
})

test('a server is up only if it runs, whatever is on record', () => {
  expect(isUp('kafka')).toBe(false)
  record('kafka')
  expect(isUp('kafka')).toBe(false)
})
