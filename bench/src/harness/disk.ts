import { mkdir, statfs } from 'node:fs/promises'

/** A file system as `statfs` names it. */
export interface Disk {
  /** `'ext4'`, `'xfs'`, …, or the number in hex where we do not know it. */
  readonly fileSystem: string
  readonly freeBytes: number
}

/** Magic numbers of `statfs`. Source: https://man7.org/linux/man-pages/man2/statfs.2.html */
const fileSystems: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0xf2f52010, 'f2fs'],
  [0x2fc12fc1, 'zfs'],
  [0x794c7630, 'overlayfs'],
  [0x6a656a63, 'fakeowner'],
  [0x65735546, 'fuse'],
  [0x6969, 'nfs'],
  [0xfe534d42, 'smb2'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x958458f6, 'hugetlbfs'],
])

const inMemory: ReadonlySet<string> = new Set(['tmpfs', 'ramfs', 'hugetlbfs'])

/** The part of what `statfs` answers that matters here. */
export interface DiskFacts {
  readonly type: number
  /** Blocks free for this user, and bytes of each. */
  readonly bavail: number
  readonly bsize: number
}

/** Looks at the disk under a directory, which is made if need be, and judges it as {@link judgeDisk} does. */
export async function inspectDisk(directory: string, neededBytes: number): Promise<Disk> {
  await mkdir(directory, { recursive: true })
  return judgeDisk(directory, await statfs(directory), neededBytes)
}

/**
 * Throws if it is no disk but memory: syncing costs nothing there, and every figure would be about
 * something else than durable writes. Throws too if less than `neededBytes` are free.
 */
export function judgeDisk(directory: string, facts: DiskFacts, neededBytes: number): Disk {
  const fileSystem = fileSystemName(facts.type)
  if (inMemory.has(fileSystem)) {
    throw new Error(
      `${directory} is on ${fileSystem}, which keeps files in memory: a sync costs nothing there ` +
        'and the figures would mean nothing. Give a directory on a disk with --directory.',
    )
  }
  const freeBytes = facts.bavail * facts.bsize
  if (freeBytes < neededBytes) {
    throw new Error(
      `${directory} has ${freeBytes} bytes free and this run may need ${Math.ceil(neededBytes)}. ` +
        'Ask for less, or give another directory with --directory.',
    )
  }
  return { fileSystem, freeBytes }
}

/** The name of a `statfs` type. Only Linux has these numbers; elsewhere it answers with the hex. */
export function fileSystemName(type: number): string {
  // Some kernels hand the number out sign-extended.
  const unsigned = type >>> 0
  return fileSystems.get(unsigned) ?? `0x${unsigned.toString(16)}`
}
