import { directoryOf, readInstance } from './instance.ts'
import type { ServerName } from './servers/index.ts'
import { Service } from './service.ts'

/** Whether the instance that all share runs already, so that `service` would not have to start it. */
export function isUp(name: ServerName): boolean {
  const instance = readInstance(directoryOf(name, 'main'))
  return instance !== undefined && new Service(instance).isRunning
}
