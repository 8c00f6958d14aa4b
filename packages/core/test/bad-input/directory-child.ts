/**
 * Opens a wal in each directory, as another process or as another user, and says how that went. A
 * process of the superuser, whom no permission stops, becomes that user first.
 */
import { writeSync } from 'node:fs'
import { isWalError } from '../../src/index.ts'
import { createWal } from '../../src/wal.ts'

/** What a test asks of the child. */
export interface DirectoryTask {
  readonly directories: readonly string[]
  /** The user to become, if any. */
  readonly user?: number
}

/** What the child answers: that it is open now (and closed again), or with which error it is not. */
export type DirectoryAnswer =
  | 'open'
  | { readonly code: string; readonly message: string; readonly retryable: boolean }

const { directories, user }: DirectoryTask = JSON.parse(process.argv[2] ?? '{}')

async function open(directory: string): Promise<DirectoryAnswer> {
  try {
    const wal = await createWal({ directory, namespaces: { films: { targets: { store: apply } } } })
    await wal.close()
    return 'open'
  } catch (error) {
    if (!isWalError(error)) throw error
    const { code, message, retryable } = error
    return { code, message, retryable }
  }
}

async function apply(): Promise<void> {}

if (user !== undefined) {
  process.setgroups?.([])
  process.setgid?.(user)
  process.setuid?.(user)
}
const answers: DirectoryAnswer[] = []
for (const directory of directories) answers.push(await open(directory))
writeSync(1, `answer ${JSON.stringify(answers)}\n`)
