import type { Clock } from '../../clock.ts'
import type { WalError } from '../../errors.ts'
import type { Random } from '../../random.ts'
import type { FileSystem } from './file-system.ts'

export interface CursorOptions {
  readonly directory: string
  /** File name in the directory. */
  readonly name: string
  /** The target whose progress it is, for messages and histories. */
  readonly target: string
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly random: Random
  /** The file is written anew once it has grown by so much over twice its least size. Default 4 MiB. */
  readonly slackBytes?: number | undefined
  reportError(error: WalError): void
}
