import type { Need, Suite } from './suites.ts'

/** Suites that need the same servers, and so run one after the other. */
export interface Group {
  readonly needs: readonly Need[]
  readonly suites: readonly Suite[]
}

/**
 * Puts suites with the same needs together. First comes the group whose servers have the most to do:
 * what shares a server waits for its turn, and would be left over at the end, with nothing beside it.
 */
export function groupSuites(suites: readonly Suite[]): readonly Group[] {
  const groups = Map.groupBy(suites, ({ needs }) => needs.toSorted().join(', '))
  const queue = ({ needs }: Group): number =>
    suites.filter((suite) => suite.needs.some((name) => needs.includes(name))).length
  return [...groups.values()]
    .map((suites) => ({ needs: suites[0]?.needs.toSorted() ?? [], suites }))
    .sort((a, b) => queue(b) - queue(a))
}

/**
 * Runs groups side by side, at most `atOnce` of them, and never two that need the same server: one may
 * kill what the other talks to. Most of what they do is waiting.
 */
export async function runGroups(
  groups: readonly Group[],
  atOnce: number,
  run: (group: Group) => Promise<void>,
): Promise<void> {
  const waiting = [...groups]
  const running = new Map<Group, Promise<void>>()
  while (waiting.length > 0 || running.size > 0) {
    const busy = new Set([...running.keys()].flatMap(({ needs }) => needs))
    const next = waiting.findIndex(({ needs }) => needs.every((name) => !busy.has(name)))
    if (next >= 0 && running.size < atOnce) {
      for (const group of waiting.splice(next, 1)) {
        running.set(
          group,
          run(group).finally(() => running.delete(group)),
        )
      }
    } else {
      await Promise.race(running.values())
    }
  }
}
