import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SeededRandom } from '../../src/testing/seeded-random.ts'

/**
 * What the lives of one directory leave behind for the check: files to which one line is added at a
 * time, by one write each, so that whatever was written survives the death of the writer. A write
 * may be cut by a kill; so each one begins on a line of its own, and half a line is no line.
 */

/** A record as its writer knows it: the number counts up per key and life, in the order of calls. */
export interface Write {
  readonly life: number
  readonly key: string
  readonly number: number
}

/** A write that was answered. */
export interface Receipt extends Write {
  readonly id: string
  readonly version: string
}

/** A record that a target was given and applied. `at` is the life in which it did. */
export interface Application extends Receipt {
  readonly at: number
  readonly body: string
  /** A poison that was mended and redriven. */
  readonly mended: boolean
  /** Before it was due. */
  readonly early: boolean
}

/** A dead letter, as found at the end. */
export interface Letter extends Receipt {
  readonly target: string
  readonly code: string
  readonly attempts: readonly string[]
}

/** What a life found in its log. */
export interface Kept {
  /** Sequence of the first record. */
  readonly first: number
}

/** A file that became a segment again. */
export interface Reuse {
  readonly life: number
}

/** Everything that became of one directory. */
export interface History {
  /** In the order of the calls. */
  readonly called: readonly Write[]
  /** In the order of the answers. */
  readonly acknowledged: readonly Receipt[]
  /** Per target, in the order in which they were applied. */
  readonly applied: ReadonlyMap<string, readonly Application[]>
  readonly letters: readonly Letter[]
  readonly kept: readonly Kept[]
  readonly reuses: readonly Reuse[]
  /** Lives that were killed. */
  readonly killed: ReadonlySet<number>
  /** Half lines, left by kills in the middle of a write. */
  readonly torn: number
}

const targets = ['steady', 'shaky'] as const
/** The target at which poison cannot be applied. */
export const poisonedTarget = 'shaky'
export const maxBatchRecords = 8
export const concurrency = 3
/** Records whose attempts are noted before they begin: `mostSoon` of the applier. */
const notedAhead = 16
/** Of what one life applied, over all keys of a target. */
export const mostRepeated = concurrency * maxBatchRecords + notedAhead

/** Now and then a record can never be applied at one target. */
export function isPoison({ life, key, number }: Write): boolean {
  return new SeededRandom(seedOf(life, key, number)).chance(0.03)
}

/** What a record carries: told from its place, and of any length up to some hundred characters. */
export function bodyOf({ life, key, number }: Write): string {
  const random = new SeededRandom(seedOf(life, key, number) + 1)
  const word = random.integer(0, 2 ** 32 - 1).toString(36)
  return word.repeat(random.integer(1, 60))
}

/** Adds lines by one write, as far as the system does not cut it. */
export function addLines(file: string, lines: readonly unknown[]): void {
  appendFileSync(file, lines.map((line) => `\n${JSON.stringify(line)}\n`).join(''))
}

/** Reads what the lives in the directory have left. */
export function readHistory(directory: string, killed: ReadonlySet<number>): History {
  let torn = 0
  const read = <T>(name: string): T[] => {
    const lines = readLines(join(directory, name))
    const whole = lines.flatMap((line) => parsed<T>(line))
    torn += lines.length - whole.length
    return whole
  }
  return {
    called: read<Write>('called'),
    acknowledged: read<Receipt>('acknowledged'),
    applied: new Map(targets.map((target) => [target, read<Application>(target)])),
    letters: read<Letter>('letters'),
    kept: read<Kept>('kept'),
    reuses: read<Reuse>('reuses'),
    killed,
    torn,
  }
}

function readLines(path: string): string[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
}

function parsed<T>(line: string): [T] | [] {
  try {
    return [JSON.parse(line)]
  } catch {
    return []
  }
}

function seedOf(life: number, key: string, number: number): number {
  let seed = life * 7919 + number
  for (const character of key) seed = (seed * 31 + character.charCodeAt(0)) >>> 0
  return seed
}
