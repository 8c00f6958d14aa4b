import type { DurablyWritable } from '../queue/file/durable-write.ts'
import type { File } from '../queue/file/file-system.ts'
import { byteLengthOf, type Parts, sliceParts } from '../queue/file/parts.ts'
import type { Random } from '../random.ts'
import { diskFailure } from './simulated-disk.ts'
import type { SimulatedFile } from './simulated-file.ts'

/** What a call to the disk does. */
export interface Effect<T> {
  /** All of it. */
  run(): T
  /** What is done of it where it fails: a share, 0 to 1. Default: `run`, if that is 1. */
  fail?: (lands: number) => void
  /** What is done of it where the machine stops meanwhile. Default: `run`, or nothing. */
  halt?: () => void
}

/** What an open file needs of its file system. */
export interface OpenFileOptions {
  readonly path: string
  readonly writable: boolean
  readonly random: Random
  readonly ignoreSync: boolean
  /** Makes a call to the disk: counts it, and lets it fail. */
  call<T>(kind: keyof DurablyWritable, effect: Effect<T>): Promise<T>
  /** By how many bytes files may still grow. */
  room(): number
}

/** A file of a simulated disk, as a process has it open. */
export function openSimulatedFile(file: SimulatedFile, options: OpenFileOptions): DurablyWritable {
  const { path, random, ignoreSync } = options
  let isOpen = true

  const call = <T>(kind: keyof DurablyWritable, { run, ...rest }: Effect<T>): Promise<T> => {
    const changes = kind === 'write' || kind === 'writeDurably' || kind === 'truncate'
    const runOpen = (): T => {
      if (!isOpen || (changes && !options.writable)) throw diskFailure('EBADF', kind, path)
      return run()
    }
    return options.call(kind, { run: runOpen, ...rest })
  }

  const write = (bytes: Parts, position: number): void => {
    const room = Math.max(0, options.room())
    const byteLength = byteLengthOf(bytes)
    const missing = position + byteLength - file.size - room
    writeShare(bytes, position, missing > 0 ? 1 - missing / byteLength : 1)
    if (missing > 0) throw diskFailure('ENOSPC', 'write', path)
  }
  const writeShare = (bytes: Parts, position: number, share: number): void => {
    const taken = Math.max(0, Math.floor(byteLengthOf(bytes) * share))
    let at = position
    for (const part of sliceParts(bytes, 0, taken)) {
      file.write(part, at)
      at += part.byteLength
    }
  }

  return {
    write: (bytes, position) =>
      call('write', {
        run: () => write(bytes, position),
        fail: (lands) => writeShare(bytes, position, lands),
      }),
    writeDurably: (bytes, position) =>
      call('writeDurably', {
        run: () => {
          write(bytes, position)
          if (!ignoreSync) file.sync(position, position + byteLengthOf(bytes))
        },
        fail: (lands) => {
          const isSyncToBlame = random.next() < 0.5
          writeShare(bytes, position, isSyncToBlame ? 1 : lands)
          const end = position + byteLengthOf(bytes)
          if (isSyncToBlame) file.failSync(lands, random, position, end)
        },
        halt: () => writeShare(bytes, position, random.next()),
      }),
    read: (into, position) => call('read', { run: () => file.read(into, position) }),
    size: () => call('size', { run: () => file.size }),
    truncate: (size) => call('truncate', { run: () => file.truncate(size) }),
    sync: () =>
      call('sync', {
        run: () => (ignoreSync ? undefined : file.sync()),
        fail: (lands) => file.failSync(lands, random),
        halt: () => {},
      }),
    close: () =>
      call('close', {
        run: () => {
          isOpen = false
        },
      }),
  }
}

/** The same file on a system that writes and syncs in two calls. */
export function withoutDurableWrites(file: DurablyWritable): File {
  const { write, read, size, truncate, sync, close } = file
  return { write, read, size, truncate, sync, close }
}
