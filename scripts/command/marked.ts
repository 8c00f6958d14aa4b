import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

/** Somebody's child, or a child of that, however it was started. */
export interface Process {
  readonly pid: number
  /** With its arguments, cut where that is long. */
  readonly command: string
}

/** What tells the processes that a command starts: each passes it on to those that it starts. */
export interface Mark {
  /** To be added to the command's environment. */
  readonly env: Readonly<Record<string, string>>
}

/** Servers do not carry it on: they are taken away by whoever had them started. See services/src/process.ts. */
const variable = 'DAYBOOK_STARTED_BY'

/** A new mark. Inside of a command that has one it is part of that. */
export function markFor(env: NodeJS.ProcessEnv): Mark {
  return { env: { [variable]: `${env[variable] ?? ''}/${randomUUID()}` } }
}

/** The processes with a mark. Told from /proc: elsewhere than on Linux there are none to be seen. */
export function withMark({ env }: Mark): readonly Process[] {
  const wanted = `\0${variable}=${env[variable]}`
  return pids().flatMap((pid) => {
    if (!`\0${read(pid, 'environ')}`.includes(wanted)) return []
    const command = read(pid, 'cmdline').split('\0').join(' ').trim()
    return [{ pid, command: command.length > 200 ? `${command.slice(0, 200)}…` : command }]
  })
}

/** Ends a process at once, if it is still there. */
export function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function pids(): readonly number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Boolean)
  } catch {
    return []
  }
}

/** Empty where it has gone, is dead and not yet buried, or is somebody else's. */
function read(pid: number, file: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
