import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { dockerEngine } from '../src/docker.ts'
import { dockerRunner } from '../src/docker-runner.ts'
import { chooseRunner } from '../src/runners.ts'
import type { Place } from '../src/server.ts'
import { servers } from '../src/servers/index.ts'

// Docker itself is not part of this: a script by its name keeps a container's state in a file, so that
// what we say to Docker, and what we make of its answers, can be seen where no engine is.
const standIn = `#!/bin/sh
cd "$(dirname "$0")"
echo "$DAYBOOK_CONTAINER $DAYBOOK_ID $DAYBOOK_REDIS_PORT $*" >> calls
case "$*" in
  *" up "*) echo running > state ;;
  *" down "*) rm -f state ;;
  inspect*) cat state ;;
  pause*) echo paused > state ;;
  unpause*) echo running > state ;;
  stop*|kill*) echo exited > state ;;
  logs*) echo printed ;;
  version*) test ! -e broken && echo 28.0.1 ;;
esac
`

let directory: string
let place: Place

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-docker-'))
  writeFileSync(join(directory, 'docker'), standIn)
  chmodSync(join(directory, 'docker'), 0o755)
  vi.stubEnv('PATH', `${directory}${delimiter}${process.env['PATH']}`)
  place = {
    directory: join(directory, 'redis'),
    id: 'Ab_c-9',
    ports: { client: 4711 },
    options: {},
  }
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true, force: true })
})

const calls = (): string => readFileSync(join(directory, 'calls'), 'utf8')

test('a container is started with a name, an id and a port of its own', async () => {
  expect(dockerRunner.isRunning(place)).toBe(false)
  await dockerRunner.start(servers.redis, place)
  expect(dockerRunner.isRunning(place)).toBe(true)
  expect(calls()).toMatch(
    /^daybook-ab_c-9 Ab_c-9 4711 compose --file \S+compose\.yaml --project-name daybook-ab_c-9 up --detach redis$/m,
  )
})

test('a container is paused, goes on, is killed, and has a log', async () => {
  await dockerRunner.start(servers.redis, place)
  dockerRunner.pause(place)
  expect([dockerRunner.isRunning(place), dockerRunner.isPaused(place)]).toEqual([true, true])
  dockerRunner.resume(place)
  expect([dockerRunner.isRunning(place), dockerRunner.isPaused(place)]).toEqual([true, false])
  await dockerRunner.kill(place)
  expect(dockerRunner.isRunning(place)).toBe(false)
  expect(dockerRunner.log(place)).toBe('printed\n')
})

test('a paused container is woken before it is asked to end, and then given its time', async () => {
  await dockerRunner.start(servers.redis, place)
  dockerRunner.pause(place)
  await dockerRunner.stop(place, 2_500)
  expect(calls()).toMatch(/unpause daybook-ab_c-9\n[\s\S]*stop -t 3 daybook-ab_c-9\n/)
  dockerRunner.remove(place)
  expect(calls()).toMatch(/down --volumes/)
  expect(dockerRunner.log(place)).toBe('')
})

test('Docker serves where an engine answers, unless it is told to stay out', () => {
  expect(dockerEngine()).toBe('28.0.1')
  expect(chooseRunner({})).toBe('docker')
  expect(chooseRunner({ secure: true })).toBe('process')
  vi.stubEnv('DAYBOOK_DOCKER', 'no')
  expect(chooseRunner({})).toBe('process')
})

test('a client of Docker without an engine serves nothing', () => {
  writeFileSync(join(directory, 'broken'), '')
  expect(dockerEngine()).toBeUndefined()
  expect(chooseRunner({})).toBe('process')
})
