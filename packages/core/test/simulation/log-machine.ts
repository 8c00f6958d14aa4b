import { isWalError } from '../../src/errors.ts'
import type { FileSystem } from '../../src/queue/file/file-system.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import {
  type DiskCall,
  type DiskFault,
  SimulatedFileSystem,
  type SimulatedFileSystemOptions,
} from '../../src/testing/simulated-file-system.ts'
import { LogHistory } from './log-history.ts'
import { directory, runLife } from './log-workload.ts'

/** A machine with a disk, and what has been written on it. */
export interface Machine {
  readonly disk: SimulatedFileSystem
  readonly history: LogHistory
}

/** Turns a machine's disk into one that goes wrong. */
export type Prepare = (disk: SimulatedFileSystem) => void

export interface MachineOptions
  extends Pick<SimulatedFileSystemOptions, 'ignoreSync' | 'ignoreDirectorySync' | 'capacityBytes'> {
  /** What the log is given in place of the disk. */
  readonly wrap?: (disk: FileSystem) => FileSystem
}

/** Runs a log through two lives on a new machine, each closed cleanly if nothing prevents it. */
export async function runTwoLives(
  seed: number,
  prepare: Prepare = () => {},
  { wrap = (disk) => disk, ...options }: MachineOptions = {},
): Promise<Machine> {
  const random = new SeededRandom(seed)
  const disk = new SimulatedFileSystem({
    random,
    writeBack: 0.1,
    durableWrites: random.chance(0.5),
    ...options,
  })
  await disk.makeDirectory(directory)
  prepare(disk)
  const history = new LogHistory()
  for (let life = 1; life <= 2; life++) {
    const ended = runLife(wrap(disk), { random, history }).catch(ignoreFailureOfDisk)
    await Promise.race([ended, disk.halted])
  }
  return { disk, history }
}

/** A log that cannot be opened now tells so; the next life tries again. */
function ignoreFailureOfDisk(error: unknown): void {
  const isOne = isWalError(error) && (error.code === 'ERR_IO' || error.code === 'ERR_DISK_FULL')
  if (!isOne) throw error
}

/** True for calls that change what is on the disk, or make it lasting. */
export function changesDisk({ kind }: DiskCall): boolean {
  return !['makeDirectory', 'list', 'open', 'read', 'size', 'close'].includes(kind)
}

/** Gives this fault to the call with that number, counted from 1 over those that change the disk. */
export function faultAt(number: number, fault: (call: DiskCall) => DiskFault | undefined): Prepare {
  return (disk) => {
    let seen = 0
    disk.fault = (call) => {
      if (!changesDisk(call)) return undefined
      seen += 1
      return seen === number ? fault(call) : undefined
    }
  }
}

/** How many calls that change the disk two undisturbed lives make. */
export async function countCalls(seed: number): Promise<number> {
  let calls = 0
  await runTwoLives(seed, (disk) => {
    disk.fault = (call) => {
      if (changesDisk(call)) calls += 1
      return undefined
    }
  })
  return calls
}
