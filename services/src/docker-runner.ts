import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { docker, type Variables } from './docker.ts'
import { packageDirectory } from './paths.ts'
import type { Runner } from './runner.ts'
import type { Place, Server } from './server.ts'

const composeFile = join(packageDirectory, 'compose.yaml')

/** Runs servers as containers: one of `compose.yaml` for each instance, named by its id. */
export const dockerRunner: Runner = {
  async start(server, place) {
    docker([...compose(place), 'up', '--detach', server.name], variables(server, place))
  },
  isRunning: (place) => ['running', 'paused'].includes(state(place)),
  isPaused: (place) => state(place) === 'paused',

  async stop(place, limitMs) {
    if (!this.isRunning(place)) return
    this.resume(place) // one that is paused would never hear of it
    docker(['stop', '-t', `${Math.ceil(limitMs / 1000)}`, container(place)])
  },
  async kill(place) {
    if (this.isRunning(place)) docker(['kill', container(place)])
  },
  pause(place) {
    docker(['pause', container(place)])
  },
  resume(place) {
    if (this.isPaused(place)) docker(['unpause', container(place)])
  },

  log: (place) => (state(place) === '' ? '' : docker(['logs', container(place)])),
  clear(place) {
    docker([...compose(place), 'down', '--volumes', '--timeout', '1'])
  },
  remove(place) {
    this.clear(place)
    rmSync(place.directory, { recursive: true, force: true })
  },
}

/** Lower case, as projects must be; it is as good as unique that way too. */
const container = ({ id }: Place): string => `daybook-${id.toLowerCase()}`

const compose = (place: Place): readonly string[] => [
  ...['compose', '--file', composeFile, '--project-name', container(place)],
]

function variables({ name }: Server, place: Place): Variables {
  return {
    DAYBOOK_CONTAINER: container(place),
    DAYBOOK_ID: place.id,
    [`DAYBOOK_${name.toUpperCase()}_PORT`]: `${place.ports.client}`,
  }
}

/** As Docker has it: running, paused, exited … Empty where there is no such container. */
function state(place: Place): string {
  try {
    return docker(['inspect', '--format', '{{.State.Status}}', container(place)]).trim()
  } catch {
    return ''
  }
}
