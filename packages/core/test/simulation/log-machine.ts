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

export type DiskSwitches = Pick<SimulatedFileSystemOptions, 'ignoreSync' | 'ignoreDirectorySync'>

/** Runs a log through two lives on a new machine, each closed cleanly if nothing prevents it. */
export async function runTwoLives(
  seed: number,
  prepare: Prepare = () => {},
  switches: DiskSwitches = {},
): Promise<Machine> {
  const random = new SeededRandom(seed)
  const disk = new SimulatedFileSystem({ random, ...switches })
  await disk.makeDirectory(directory)
  prepare(disk)
  const history = new LogHistory()
  await runLife(disk, { random, history })
  await runLife(disk, { random, history })
  return { disk, history }
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
