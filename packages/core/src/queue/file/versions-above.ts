import type { StoredRecord } from '../../record.ts'
import type { Log } from './log.ts'

const page = { maxRecords: 1000, maxBytes: 4 * 1024 * 1024 }

/**
 * See `Queue.versionsAbove`. Reads the segments from the first one on that may have such a version.
 * @param inLetters the highest version of the dead letters: these were in the log before, unless it is another one.
 */
export async function versionsAbove(
  log: Log,
  inLetters: bigint,
  version: bigint,
  show: (key: string, version: bigint) => void,
): Promise<bigint> {
  const { sequence, highestBefore } = log.startOfVersionsAbove(version)
  // Of what is kept no more the log knows the highest only.
  let unshown = highestOf(version, highestBefore)
  if (inLetters > log.highestVersion) unshown = highestOf(unshown, inLetters)
  for await (const record of recordsFrom(log, sequence)) {
    if (record.version <= version) continue
    // The keys of a transaction are in a file of their own, or gone.
    if (record.transaction !== undefined) unshown = highestOf(unshown, record.version)
    else if (record.key !== undefined) show(record.key, record.version)
  }
  return unshown
}

async function* recordsFrom(log: Log, sequence: number): AsyncGenerator<StoredRecord> {
  const letGo = log.hold(sequence)
  const reader = log.reader(sequence)
  try {
    for (;;) {
      const entries = await reader.read(page)
      if (entries.length === 0) return
      for (const { record } of entries) yield record
    }
  } finally {
    await reader.close()
    letGo()
  }
}

function highestOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
