import { bytesCodec, createWal, defineTarget } from '@daybook/core'

/** A log that lies in a directory, as the phases of this benchmark open it. */
export interface Log {
  readonly directory: string
  /** The target that reads it. One that is new to the log starts with its oldest record. */
  readonly target: string
}

/** Opens the log. `applied` hears of each batch that the target is given. */
export function openLog({ directory, target }: Log, applied: (records: number) => void) {
  const counting = defineTarget<Uint8Array>(async (records) => applied(records.length))
  return createWal({
    directory,
    namespaces: {
      bench: {
        codec: bytesCodec,
        order: 'none',
        targets: { [target]: counting },
        // The next target reads all of it again.
        retention: { bytes: 'unlimited' },
      },
    },
  })
}
