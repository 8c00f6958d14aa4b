import { setTimeout as sleep } from 'node:timers/promises'
import type { Namespace, Receipt } from '@daybook/core'
import type { Bookmark } from './bookmark.ts'
import type { LoadPlan } from './configuration.ts'

/** A change as this region knows it: the region and the number name it. */
export interface Change {
  readonly key: string
  readonly op: 'put' | 'delete'
  readonly number: number
}

/** Is told of each change before it is written, and once it is durable. */
export interface Witness {
  begun(change: Change): void
  saved(change: Change, version: bigint): void
}

const films = ['Notorious', 'Rope', 'Vertigo', 'Rebecca', 'Spellbound', 'Suspicion'] as const

/**
 * Moves viewers' bookmarks, and takes every fifth one away, until the signal. All regions choose among
 * the same viewers, so that they meet. Resolves once what was begun is durable.
 */
export async function changeBookmarks(
  bookmarks: Namespace<Bookmark>,
  region: string,
  { viewers, lanes, everyMs, begun }: LoadPlan,
  signal: AbortSignal,
  witness: Witness,
): Promise<void> {
  let number = begun
  const lane = async (): Promise<void> => {
    while (!signal.aborted) {
      number++
      const change = changeOf(number, viewers)
      witness.begun(change)
      witness.saved(change, await saveSurely(bookmarks, region, change))
      await sleep(everyMs, undefined, { signal }).catch(() => {})
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

function changeOf(number: number, viewers: number): Change {
  const viewer = Math.floor(Math.random() * viewers) + 1
  return { key: `viewer-${viewer}`, op: number % 5 === 0 ? 'delete' : 'put', number }
}

/**
 * Writes until it is durable. If nobody can say whether it is, the same id and version are written
 * again: should both have arrived, the second does no harm.
 */
async function saveSurely(
  bookmarks: Namespace<Bookmark>,
  by: string,
  { key, op, number }: Change,
): Promise<bigint> {
  const film = films[number % films.length] ?? films[0]
  const payload = { film, minute: number % 110, by, number }
  const input = op === 'delete' ? { key, op } : { key, payload }
  let again: Pick<Receipt, 'id' | 'version'> | undefined
  for (;;) {
    const receipt = await bookmarks.tryWrite({ ...input, ...again })
    if (receipt.durable === 'yes') return receipt.version
    again = { id: receipt.id, version: receipt.version }
    await sleep(100)
  }
}
