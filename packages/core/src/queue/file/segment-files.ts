import type { File, FileSystem } from './file-system.ts'
import type { LogSegment } from './log-segments.ts'

const mostIdleFiles = 8

interface OpenFile {
  readonly file: Promise<File>
  users: number
  /** Resolves once it is closed. */
  readonly closed: Promise<void>
  readonly onClosed: () => void
}

/** Segments open for reading here and there. A few are kept open, the latest used ones. */
export class SegmentFiles {
  readonly #fileSystem: FileSystem
  /** By path, the one used longest ago first. */
  readonly #open = new Map<string, OpenFile>()

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem
  }

  async use<T>(segment: LogSegment, read: (file: File) => Promise<T>): Promise<T> {
    const { path } = segment
    const open = this.#open.get(path) ?? newOpenFile(this.#fileSystem.open(path, 'read'))
    this.#open.delete(path)
    this.#open.set(path, open)
    open.users += 1
    try {
      return await read(await open.file)
    } catch (error) {
      // The file may be why; the next one to read opens it anew.
      if (this.#open.get(path) === open) this.#open.delete(path)
      throw error
    } finally {
      open.users -= 1
      await this.#closeIdle(open, path)
    }
  }

  /** Gives up the file of a segment, once the reads under way are done with it. */
  async letGo({ path }: LogSegment): Promise<void> {
    const open = this.#open.get(path)
    if (open === undefined) return
    this.#open.delete(path)
    if (open.users === 0) await closeFile(open)
    await open.closed
  }

  async close(): Promise<void> {
    const files = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(files.filter(({ users }) => users === 0).map(closeFile))
  }

  /** Closes files nobody uses: one that was dropped from the map, and those beyond the limit. */
  async #closeIdle(used: OpenFile, path: string): Promise<void> {
    const idle: OpenFile[] = []
    if (used.users === 0 && this.#open.get(path) !== used) idle.push(used)
    for (const [oldPath, old] of this.#open) {
      if (this.#open.size <= mostIdleFiles) break
      if (old.users > 0) continue
      this.#open.delete(oldPath)
      idle.push(old)
    }
    await Promise.all(idle.map(closeFile))
  }
}

function newOpenFile(file: Promise<File>): OpenFile {
  let onClosed = (): void => {}
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve
  })
  return { file, users: 0, closed, onClosed }
}

async function closeFile({ file, onClosed }: OpenFile): Promise<void> {
  await file.then((opened) => opened.close()).catch(() => {})
  onClosed()
}
