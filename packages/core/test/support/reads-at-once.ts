import { setTimeout as sleep } from 'node:timers/promises'
import { HookedFileSystem } from '../queue/file/support/hooked-file-system.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'

/** A disk that takes a while for each read, and counts how many of a file are under way at once. */
export class ReadsAtOnce {
  readonly fileSystem = new HookedFileSystem()
  most = 0
  rewrites = 0
  #now = 0

  constructor(name: string) {
    this.fileSystem.hook = async (call, path) => {
      if (call === 'rename') this.rewrites++
      if (call !== 'read' || !path.includes(name)) return
      this.most = Math.max(this.most, ++this.#now)
      await sleep(1)
      this.#now--
    }
  }

  directory(): Promise<string> {
    return temporaryDirectory()
  }
}
