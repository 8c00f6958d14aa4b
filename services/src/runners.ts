import { dockerEngine } from './docker.ts'
import { dockerRunner } from './docker-runner.ts'
import { processRunner } from './process-runner.ts'
import type { Runner } from './runner.ts'
import type { ServiceOptions } from './server.ts'

/** What runs an instance, as it is on record. */
export type RunnerName = 'docker' | 'process'

/** Each runner by its name. */
export const runners: Readonly<Record<RunnerName, Runner>> = {
  docker: dockerRunner,
  process: processRunner,
}

/**
 * Docker where an engine answers. An instance with options of its own is a process all the same: its
 * options are those of a configuration that we write.
 */
export function chooseRunner(options: ServiceOptions): RunnerName {
  const plain = Object.keys(options).length === 0
  return plain && dockerEngine() !== undefined ? 'docker' : 'process'
}
