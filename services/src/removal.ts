import { readInstances } from './instance.ts'
import { Service } from './service.ts'

/** Remembers which servers are there. The function it returns takes away those that came since. */
export function removeWhatComes(): () => Promise<void> {
  const before = new Set(readInstances().map(({ directory }) => directory))
  return async () => {
    const since = readInstances().filter(({ directory }) => !before.has(directory))
    await Promise.all(since.map((instance) => new Service(instance).remove()))
  }
}
