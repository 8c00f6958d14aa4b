import { rowOf, type Store, shown } from './mesh-store.ts'

/**
 * What is wrong with the stores of all regions: each holds, for each key, what all changes come to by
 * their versions that any of them has seen, and each has seen all that was written.
 */
export async function wrongStores(
  stores: ReadonlyMap<string, Store>,
  written: Iterable<string>,
  keys: readonly string[],
): Promise<readonly string[]> {
  const wrong: string[] = []
  const all = new Map([...stores.values()].flatMap(({ seen }) => [...seen]))
  for (const id of written) {
    if ([...stores.values()].some(({ seen }) => !seen.has(id))) wrong.push(`${id} is lost`)
  }
  for (const key of keys) {
    const expected = shown(rowOf([...all.values()].filter((record) => record.key === key)))
    for (const [name, store] of stores) {
      const found = shown(await store.read(key))
      if (found === expected) continue
      wrong.push(`${name} holds '${found}' for ${key}, and the newest is '${expected}'`)
    }
  }
  return wrong
}
