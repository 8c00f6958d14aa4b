import { directoryOf, readInstance } from './instance.ts'
import type { ServerName } from './servers/index.ts'
import { Service } from './service.ts'

/** Whether that instance runs already, so that `service` would not have to start it. Default: the one that all share. */
export function isUp(name: ServerName, instance = 'main'): boolean {
  const known = readInstance(directoryOf(name, instance))
  return known !== undefined && new Service(known).isRunning
}
