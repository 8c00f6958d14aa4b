import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { mkdir, open, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { FileSystem } from '../../../src/queue/file/file-system.ts'
import { diskFailure, HookedFileSystem } from '../../queue/file/support/hooked-file-system.ts'
import { temporaryDirectory } from '../../queue/file/support/temporary-directory.ts'

/** A disk for one test, soon full. */
export interface SmallDisk {
  /** For the test to use; empty. */
  readonly directory: string
  /** What the log has to use, if not the machine's own. */
  readonly fileSystem: FileSystem | undefined
  /** Takes all the room there is left. */
  fill(): Promise<void>
  /** Gives it back. */
  makeRoom(): Promise<void>
}

export interface SmallDiskKind {
  readonly name: string
  make(): Promise<SmallDisk>
}

const imageBytes = 16 * 2 ** 20

/** A file system of its own in a file: as real as it gets, for a superuser who may mount. */
const ext4: SmallDiskKind = {
  name: 'an ext4 disk of 16 MB',
  async make() {
    const parent = await temporaryDirectory()
    const image = join(parent, 'image')
    await writeFile(image, '')
    await truncate(image, imageBytes)
    run('mkfs.ext4', '-q', '-m', '0', image)
    return mounted(join(parent, 'disk'), ['-o', 'loop', image])
  },
}

const tmpfs: SmallDiskKind = {
  name: 'a tmpfs of 4 MB',
  async make() {
    return mounted(join(await temporaryDirectory(), 'disk'), [
      '-t',
      'tmpfs',
      '-o',
      'size=4m',
      'none',
    ])
  },
}

/** For everybody else: writes fail as they would on a full disk. */
const injected: SmallDiskKind = {
  name: 'an injected disk that says it is full',
  async make() {
    const directory = await temporaryDirectory()
    const fileSystem = new HookedFileSystem()
    return {
      directory,
      fileSystem,
      async fill() {
        fileSystem.hook = (call, path, growsBy) => {
          const isNew = call === 'create' || (call === 'makeDirectory' && !existsSync(path))
          if (isNew || growsBy > 0) throw diskFailure('ENOSPC', call)
        }
      },
      async makeRoom() {
        fileSystem.hook = () => {}
      },
    }
  },
}

/** The most real one that can be had here, and the injected one. */
export const smallDisks: readonly SmallDiskKind[] = [...mountable(), injected]

function mountable(): SmallDiskKind[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return []
  const parent = mkdtempSync(join(tmpdir(), 'daybook-mount-'))
  try {
    const image = join(parent, 'image')
    run('truncate', '-s', `${imageBytes}`, image)
    if (works(() => run('mkfs.ext4', '-q', image)) && canMount(parent, '-o', 'loop', image)) {
      return [ext4]
    }
    return canMount(parent, '-t', 'tmpfs', '-o', 'size=4m', 'none') ? [tmpfs] : []
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
}

function canMount(parent: string, ...what: string[]): boolean {
  const place = join(parent, 'place')
  return works(() => {
    run('mkdir', '-p', place)
    run('mount', ...what, place)
    run('umount', place)
  })
}

async function mounted(place: string, what: readonly string[]): Promise<SmallDisk> {
  await mkdir(place)
  run('mount', ...what, place)
  onTestFinished(() => run('umount', place))
  const filler = join(place, 'filler')
  return {
    directory: join(place, 'log'),
    fileSystem: undefined,
    fill: () => fillUp(filler),
    makeRoom: () => rm(filler),
  }
}

async function fillUp(path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (const bytes of [2 ** 20, 4096, 1]) {
      const chunk = Buffer.alloc(bytes, 1)
      // Until the write that finds no room, or room for a part only.
      while (await file.write(chunk).then(({ bytesWritten }) => bytesWritten === bytes, isFull));
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

function isFull(error: unknown): false {
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false
  throw error
}

function run(command: string, ...options: string[]): void {
  execFileSync(command, options, { stdio: 'ignore' })
}

function works(attempt: () => void): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}
