import { resolve } from 'node:path'
import { FileHandles } from './file-handles.ts'
import { fsCall } from './fs-call.ts'
import { NodeFile } from './node-file.ts'

const privateFile = 0o600

/** The open files of a process by their names, so that each stays the file it is when names change. */
export class NodeFiles {
  readonly #handles: FileHandles
  readonly #byPath = new Map<string, Set<NodeFile>>()

  constructor(handles = new FileHandles()) {
    this.#handles = handles
  }

  create(path: string): Promise<NodeFile> {
    return this.#open(path, 'wx+', 'read-write')
  }

  open(path: string, access: 'read' | 'read-write'): Promise<NodeFile> {
    return this.#open(path, access === 'read' ? 'r' : 'r+', access)
  }

  /** Files open under the old name go on under the new one; those it belonged to have none. */
  async rename(from: string, to: string): Promise<void> {
    await this.#renaming([from, to], () => fsCall('rename', from, to))
    this.#forget(to)
    for (const file of this.#forget(from)) {
      this.#add(file, to)
      file.unpin()
    }
  }

  async remove(path: string): Promise<void> {
    await this.#renaming([path], () => fsCall('unlink', path))
    this.#forget(path)
  }

  /** Keeps the files of these names open from here on, unless it fails. */
  async #renaming(paths: readonly string[], change: () => Promise<void>): Promise<void> {
    const files = paths.flatMap((path) => [...(this.#byPath.get(resolve(path)) ?? [])])
    try {
      await Promise.all(files.map((file) => file.pin()))
      await change()
    } catch (error) {
      for (const file of files) file.unpin()
      throw error
    }
  }

  async #open(path: string, flags: string, access: 'read' | 'read-write'): Promise<NodeFile> {
    const descriptor = await fsCall<number>('open', path, flags, privateFile)
    const file = new NodeFile({
      path,
      descriptor,
      access,
      handles: this.#handles,
      onClosed: (closed) => this.#drop(closed),
    })
    this.#add(file, path)
    return file
  }

  #add(file: NodeFile, path: string): void {
    file.path = resolve(path)
    const there = this.#byPath.get(file.path)
    if (there) there.add(file)
    else this.#byPath.set(file.path, new Set([file]))
  }

  #drop(file: NodeFile): void {
    const there = this.#byPath.get(file.path)
    there?.delete(file)
    if (there?.size === 0) this.#byPath.delete(file.path)
  }

  /** Answers what was open under the name. */
  #forget(path: string): Iterable<NodeFile> {
    const there = this.#byPath.get(resolve(path)) ?? []
    this.#byPath.delete(resolve(path))
    return there
  }
}
