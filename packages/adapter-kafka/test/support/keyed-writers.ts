import type { Namespace, Receipt, WalRecord } from '@daybook/core'

/** Written, in the order of each key, as `reportDelivery` wants it. */
export interface Written {
  readonly id: string
  readonly key: string
}

/** What the writers did. */
export interface WritersReport {
  readonly written: readonly Written[]
  /** Writes whose outcome nobody knew, and which were written again. */
  readonly unknown: number
  /** Writes that were refused, and written again. */
  readonly refused: number
}

/** How much is written. */
export interface WritersOptions {
  readonly keys: number
  readonly perKey: number
  /** Told of each record that was acknowledged. */
  readonly acknowledged?: (count: number) => void
}

/**
 * One writer for each key, so that a key's records have an order: each goes on once its record is
 * acknowledged, and writes it again, with its id and version, for as long as it is not.
 */
export async function keyedWriters(
  namespace: Namespace<{ n: number }>,
  { keys, perKey, acknowledged = () => {} }: WritersOptions,
): Promise<WritersReport> {
  const report = { written: [] as Written[], unknown: 0, refused: 0 }
  const writer = async (key: string): Promise<void> => {
    for (let n = 0; n < perKey; n++) {
      let again: Pick<Receipt, 'id' | 'version'> | undefined
      for (;;) {
        const receipt = await namespace.tryWrite({ key, payload: { n }, ...again })
        if (receipt.durable === 'yes') {
          report.written.push({ id: receipt.id, key })
          acknowledged(report.written.length)
          break
        }
        if (receipt.durable === 'unknown') report.unknown++
        else report.refused++
        again = { id: receipt.id, version: receipt.version }
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
  }
  await Promise.all(Array.from({ length: keys }, (_, at) => writer(`key ${at}`)))
  return report
}

/**
 * A target that remembers what it applied, and whether two records of a key were ever in it at once. Its rows
 * are those of a store that guards by version.
 */
export class WatchfulTarget {
  readonly idempotency = 'id'
  readonly applied: { readonly id: string; readonly key: string }[] = []
  /** By key, what its newest record says. */
  readonly rows = new Map<string, { readonly version: bigint; readonly n: number | undefined }>()
  overlaps = 0
  readonly #inside = new Set<string>()
  readonly #applyMs: number

  constructor(applyMs = 0) {
    this.#applyMs = applyMs
  }

  async apply(records: readonly WalRecord<{ n: number }>[]): Promise<void> {
    const keys = records.map(({ key = '' }) => key)
    for (const key of keys) {
      if (this.#inside.has(key)) this.overlaps++
      this.#inside.add(key)
    }
    if (this.#applyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#applyMs))
    for (const { id, key = '', version, payload } of records) {
      this.applied.push({ id, key })
      if ((this.rows.get(key)?.version ?? 0n) < version)
        this.rows.set(key, { version, n: payload?.n })
    }
    for (const key of keys) this.#inside.delete(key)
  }
}
