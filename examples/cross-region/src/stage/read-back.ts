import { memcachedValue } from '@daybook/target-memcached'
import { Memcache } from 'memcache'
import type { Bookmark } from '../bookmark.ts'
import type { Held } from './check.ts'

/** What a memcached holds of these keys, read as anybody would. */
export async function readCache(
  address: string,
  keys: Iterable<string>,
): Promise<ReadonlyMap<string, Held>> {
  const client = new Memcache({ nodes: [address] })
  await client.connect()
  try {
    const items = new Map<string, Held>()
    for (const key of keys) {
      const item = await client.get(key)
      if (item !== undefined) items.set(key, heldOf(item))
    }
    return items
  } finally {
    await client.disconnect()
  }
}

function heldOf(item: string): Held {
  const { version, value } = memcachedValue(item)
  if (value === undefined) return { version, change: 'deleted' }
  const { by, number }: Bookmark = JSON.parse(String(value))
  return { version, change: { by, number } }
}
