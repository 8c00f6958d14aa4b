import { setTimeout as sleep } from 'node:timers/promises'
import type { Namespace, Receipt } from '@daybook/core'
import type { ScanPlan } from './configuration.ts'
import type { Scan } from './parcels-table.ts'

/** A scan that is durable. From then on it is the queue's to lose. */
export interface SavedScan {
  readonly key: string
  readonly version: bigint
  readonly number: number
}

const places = ['counter', 'sorting hall', 'van', 'depot', 'doorstep'] as const

/**
 * Scans a depot's parcels, side by side, each again and again. The next scan of a parcel follows only
 * once the one before is saved, so that a parcel's scans have an order. Resolves once the signal has
 * been heeded, and the last scans are saved.
 */
export async function scanParcels(
  parcels: Namespace<Scan>,
  depot: string,
  { parcels: count, everyMs, saved }: ScanPlan,
  signal: AbortSignal,
  onSaved: (scan: SavedScan) => void,
): Promise<void> {
  const scanOne = async (key: string): Promise<void> => {
    for (let number = 1 + (saved[key] ?? 0); !signal.aborted; number++) {
      const place = places[number % places.length] ?? places[0]
      const { version } = await writeSurely(parcels, key, { place: `${depot}, ${place}`, number })
      onSaved({ key, version, number })
      await sleep(everyMs, undefined, { signal }).catch(() => {})
    }
  }
  await Promise.all(Array.from({ length: count }, (_, at) => scanOne(`${depot}/${at + 1}`)))
}

/**
 * Writes until it is durable. If nobody can say whether it is, the same id and version are written
 * again: should both have arrived, the second does no harm.
 */
async function writeSurely(parcels: Namespace<Scan>, key: string, payload: Scan): Promise<Receipt> {
  let again: Pick<Receipt, 'id' | 'version'> | undefined
  for (;;) {
    const receipt = await parcels.tryWrite({ key, payload, ...again })
    if (receipt.durable === 'yes') return receipt
    again = { id: receipt.id, version: receipt.version }
    await sleep(200)
  }
}
