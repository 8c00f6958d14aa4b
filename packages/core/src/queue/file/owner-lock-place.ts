import { mkdtemp, open, rm, statfs, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WalError } from '../../errors.ts'

/** A way to name files in a directory that is short enough for the address of a socket. */
export interface ShortPlace {
  /** Leads to the directory until `close`. */
  readonly directory: string
  close(): Promise<void>
}

/** Longest address that every platform takes, in bytes: 104 with its end on macOS and BSD. */
const longestAddressBytes = 100

/**
 * Answers the directory itself if that, with a name of so many bytes in it, is short enough.
 * Otherwise, on Linux, a path through a descriptor of it, and elsewhere through a link to it.
 */
export async function shortPlace(
  directory: string,
  nameBytes: number,
  platform: string = process.platform,
): Promise<ShortPlace> {
  if (Buffer.byteLength(directory) + 1 + nameBytes <= longestAddressBytes) {
    return { directory, close: async () => {} }
  }
  if (platform === 'linux') {
    const handle = await open(directory, 'r')
    return { directory: `/proc/self/fd/${handle.fd}`, close: () => handle.close() }
  }
  const parent = await mkdtemp(join(tmpdir(), 'daybook-'))
  const link = join(parent, 'd')
  await symlink(directory, link)
  return { directory: link, close: () => rm(parent, { recursive: true, force: true }) }
}

/**
 * Linux's magic numbers (linux/magic.h and the file systems' own sources) of file systems that
 * several machines may have mounted at once.
 */
const sharedFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x01021997, '9P'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x7461636f, 'OCFS2'],
  [0x01161970, 'GFS2'],
  [0x19830326, 'BeeGFS'],
  [0x65735546, 'FUSE, behind which there may be a network'],
])

/**
 * Refuses a directory that other machines may share: a lock of this machine's kernel does not keep
 * them out. Told by the file system's type, which only Linux gives as a number of lasting meaning;
 * elsewhere nothing is refused.
 */
export async function refuseNetworkFileSystem(
  directory: string,
  typeOf: (directory: string) => Promise<number> = fileSystemType,
): Promise<void> {
  const name = sharedFileSystems.get(await typeOf(directory))
  if (name === undefined) return
  throw new WalError(
    'ERR_DIRECTORY_UNSUITABLE',
    `${directory} is on a file system that other machines may share (${name}), where nothing can ` +
      'keep two owners apart and a sync may not reach a disk. Choose a directory on a local disk; ' +
      'or set allowNetworkFileSystem if you know that only this machine uses it.',
  )
}

async function fileSystemType(directory: string): Promise<number> {
  if (process.platform !== 'linux') return 0
  const { type } = await statfs(directory)
  return type >>> 0
}
