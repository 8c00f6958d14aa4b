import { join } from 'node:path'
import { WalError } from '../errors.ts'
import type { FileSystem } from '../queue/file/file-system.ts'
import type { StoredDeadLetter } from './dlq.ts'
import type { LetterSummary } from './file-dlq-format.ts'

/** What is left of a letter whose bytes on disk are damaged: what the index in memory knew of it. */
export function remainsOf(
  summary: LetterSummary,
  namespace = '',
  bytesPath?: string,
): StoredDeadLetter {
  const { id, recordId, target, key, attemptEpoch, version, at, code } = summary
  const kept = bytesPath === undefined ? '' : ` What is there is kept in ${bytesPath}.`
  const message = `The bytes of this dead letter are damaged on disk: its record is lost. It had failed with ${code}.${kept}`
  return {
    id,
    record: {
      id: recordId,
      namespace,
      key,
      op: 'put',
      payload: undefined,
      headers: {},
      writtenAt: Number(version / 1000n),
      dueAt: undefined,
      version,
      origin: '',
      target: undefined,
      transaction: undefined,
      attemptEpoch,
      traceContext: undefined,
      encryptionKeyId: undefined,
    },
    target,
    at,
    code: 'ERR_CORRUPT_LOG',
    message,
    attemptsSpent: 0,
    attempts: [{ at, durationMs: 0, target, class: 'permanent', code: 'ERR_CORRUPT_LOG', message }],
    damaged: true,
  }
}

/** Keeps damaged bytes in a file of their own, synced, for a person to look at. Answers its path. */
export async function keepAside(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  bytes: Uint8Array,
): Promise<string> {
  const path = join(directory, name)
  // One of an earlier try may be there, and may not be whole.
  await fileSystem.remove(path).catch(() => {})
  const file = await fileSystem.create(path)
  try {
    await file.write(bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await fileSystem.syncDirectory(directory)
  return path
}

/** The error to report: `where` says what became of the bytes. */
export function damageError(
  { id, target }: LetterSummary,
  where: string,
  cause: unknown,
): WalError {
  return new WalError(
    'ERR_CORRUPT_LOG',
    `Dead letter ${id} for target '${target}' is damaged on disk, and its record cannot be read. ${where} It stays in the list, with what is known of it: discard it, and write its record again if you have it elsewhere.`,
    { cause },
  )
}
