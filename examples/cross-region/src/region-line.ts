import type { Change } from './change-bookmarks.ts'

/** One version of one bookmark; the version in digits, as it is too large for a number in JSON. */
export type NamedVersion = readonly [key: string, version: string]

/** A line that the process of a region prints. */
export type RegionLine =
  | { readonly event: 'ready'; readonly port: number }
  | ({ readonly event: 'begun' } & Change)
  | ({ readonly event: 'saved'; readonly version: string } & Change)
  | {
      readonly event: 'arrived'
      readonly records: readonly NamedVersion[]
      /** True: the cache has newer ones. */
      readonly superseded: boolean
    }
  | { readonly event: 'quiet' | 'drained' }
  | { readonly event: 'error'; readonly message: string }

/** A line that it is told: to write no more, or to say when all that is in its queue is delivered. */
export type Command = 'quiet' | 'drain'

/** Prints a line of JSON. */
export function tell(line: RegionLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
