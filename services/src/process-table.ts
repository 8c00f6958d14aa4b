import { spawnSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'

// What the system knows of a process: from /proc on Linux, from `lsof` and `ps` elsewhere.

const linux = process.platform === 'linux'

/** The file that a process writes its output to, or undefined if there is no process by that pid. */
export function outputFile(pid: number): string | undefined {
  if (linux) return attempt(() => readlinkSync(`/proc/${pid}/fd/1`))
  return /^n(.*)$/m.exec(output('lsof', ['-a', '-p', `${pid}`, '-d', '1', '-Fn']))?.[1]
}

/** One letter, as `ps` has it: R and S for running, T for stopped, Z for dead but not buried. */
export function processState(pid: number): string | undefined {
  if (!linux) return output('ps', ['-o', 'state=', '-p', `${pid}`]).trim()[0]
  const line = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  return line?.slice(line.lastIndexOf(')') + 2)[0] // the name before it may hold anything
}

/** The processes that a process has started, and those that they have, whatever group they are in. */
export function descendants(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const line of output('ps', ['-A', '-o', 'pid=,ppid=']).split('\n')) {
    const [child = 0, parent = 0] = line.trim().split(/\s+/).map(Number)
    children.set(parent, [...(children.get(parent) ?? []), child])
  }
  const below = (one: number): number[] =>
    (children.get(one) ?? []).flatMap((child) => [child, ...below(child)])
  return below(pid)
}

function output(program: string, args: readonly string[]): string {
  return spawnSync(program, args, { encoding: 'utf8' }).stdout ?? ''
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined // it is gone
  }
}
