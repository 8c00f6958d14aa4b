import { type Instance, readInstances } from './instance.ts'
import type { ServerName } from './servers/index.ts'
import { Service } from './service.ts'

/**
 * Remembers which servers are there. The function it returns takes away those that came since.
 *
 * @param names The only ones to look after, and of them the instances of one name: by default that
 *   which all share. A program that runs beside others names what it starts itself.
 */
export function removeWhatComes(
  names?: readonly ServerName[],
  instance = 'main',
): () => Promise<void> {
  const isOurs = ({ server, name }: Instance): boolean =>
    names === undefined || (name === instance && names.includes(server))
  const before = new Set(readInstances().map(({ directory }) => directory))
  return async () => {
    const since = readInstances().filter(({ directory }) => !before.has(directory))
    await Promise.all(since.filter(isOurs).map((instance) => new Service(instance).remove()))
  }
}
