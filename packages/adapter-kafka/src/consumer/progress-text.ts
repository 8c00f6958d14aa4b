import { type AttemptState, noAttempts } from '@daybook/core'
import { Progress, type Run } from './progress.ts'

/** What is noted with a commit: what lies done above it, and the attempts of what does not. */
export interface ProgressNote {
  readonly progress: Progress
  /** By offset, in ascending order. */
  readonly attempts: ReadonlyMap<number, AttemptState>
  /** Offsets of which an attempt is under way. */
  readonly begun: Iterable<number>
  /** Undefined where nothing was ever parked. */
  readonly parked?: ParkedNote | undefined
}

/** What is noted of a partition's parked records. See `ParkedLog`. */
export interface ParkedNote {
  /** Of whoever made this commit, or of somebody before him. */
  readonly claim: number
  /** Before this offset of the parked partition nothing counts any more. */
  readonly start: number
  /** The highest claim that stands before `start`. */
  readonly floor: number
  /** How many records were parked. */
  readonly count: number
}

/** Most characters that a broker takes, unless its `offset.metadata.max.bytes` says otherwise. */
export const longestText = 4096

/** What the runs may take up; the attempts have the rest. */
const longestRuns = 3000

/**
 * The note as a text:
 *
 *     1;<runs>;<attempts>;<begun>[;<parked>]
 *
 * Runs are `gap.length`, attempts are `gap.spent.interrupted.notBefore`, in base 36 and separated by
 * commas; a gap counts from the end of the one before, the first from the committed offset, and is
 * negative for a record that is parked, and for a run behind those that have to be noted. What is parked is noted as
 * `claim.start.floor.count`. What does not fit is left out from its end: runs that are missing are delivered again,
 * attempts that are missing are counted again.
 */
export function textOf({ progress, attempts, begun, parked }: ProgressNote): string {
  const { committed } = progress
  const fits = lengthOf(progress.runs, committed) <= longestRuns
  const noted = fits ? progress.runs : [...progress.kept, ...progress.runs]
  const runs = joined(runTexts(noted, committed), longestRuns)
  const marks = joined(runTexts(runsOf(begun), committed), 700)
  const rest = parked === undefined ? '' : `;${parkedText(parked)}`
  const room = longestText - 4 - runs.length - marks.length - rest.length
  return `1;${runs};${joined(attemptTexts(attempts, committed), room)};${marks}${rest}`
}

/** Characters that the runs alone would take up. */
export function runsLength({ committed, runs }: Progress): number {
  return lengthOf(runs, committed)
}

function lengthOf(runs: readonly Readonly<Run>[], committed: number): number {
  // No more than this are ever noted, so the sum need not be exact far beyond.
  if (runs.length > longestRuns) return Number.POSITIVE_INFINITY
  let length = 0
  for (const text of runTexts(runs, committed)) length += text.length + 1
  return length
}

/** True where a commit has all runs, or all that it has to have. */
export function isEnough(progress: Progress): boolean {
  const { committed, runs, kept } = progress
  return [runs, kept].some((some) => lengthOf(some, committed) <= longestRuns)
}

/** What was noted. An attempt that was under way counts as one that the end of its process interrupted. */
export function noteOf(
  committed: number,
  text: string,
): {
  readonly progress: Progress
  readonly attempts: Map<number, AttemptState>
  readonly parked: ParkedNote | undefined
} {
  const [form, runs = '', attempts = '', begun = '', parked] = text.split(';')
  const noted = new Map<number, AttemptState>()
  // Not ours, or of a later form: where the group is counts all the same.
  if (form !== '1') return { progress: new Progress(committed), attempts: noted, parked: undefined }
  const progress = new Progress(committed, parseRuns(runs, committed))
  let at = committed
  for (const part of attempts === '' ? [] : attempts.split(',')) {
    const [gap = 0, spent = 0, interrupted = 0, notBefore = 0] = part.split('.').map(fromText)
    at += gap
    noted.set(at, { spent, interrupted, notBefore, history: [] })
    at++
  }
  for (const { from, to } of parseRuns(begun, committed)) {
    for (let offset = from; offset < to; offset++) {
      const { spent, interrupted, ...rest } = noted.get(offset) ?? noAttempts
      noted.set(offset, { ...rest, spent: spent + 1, interrupted: interrupted + 1 })
    }
  }
  return { progress, attempts: noted, parked: parkedNoteOf(parked) }
}

function* runTexts(runs: Iterable<Readonly<Run>>, committed: number): Iterable<string> {
  let at = committed
  for (const { from, to } of runs) {
    yield `${toText(from - at)}.${toText(to - from)}`
    at = to
  }
}

function* attemptTexts(
  attempts: ReadonlyMap<number, AttemptState>,
  committed: number,
): Iterable<string> {
  let at = committed
  for (const [offset, { spent, interrupted, notBefore }] of attempts) {
    const numbers = [offset - at, spent, interrupted, Math.ceil(notBefore)]
    yield numbers.map(toText).join('.')
    at = offset + 1
  }
}

function parkedText({ claim, start, floor, count }: ParkedNote): string {
  return [claim, start, floor, count].map(toText).join('.')
}

function parkedNoteOf(text: string | undefined): ParkedNote | undefined {
  if (text === undefined) return undefined
  const [claim = 0, start = 0, floor = 0, count = 0] = text.split('.').map(fromText)
  return { claim, start, floor, count }
}

function* runsOf(offsets: Iterable<number>): Iterable<Run> {
  let run: Run | undefined
  for (const offset of [...offsets].sort((a, b) => a - b)) {
    if (run !== undefined && run.to === offset) run.to++
    else {
      if (run !== undefined) yield run
      run = { from: offset, to: offset + 1 }
    }
  }
  if (run !== undefined) yield run
}

function parseRuns(text: string, committed: number): readonly Run[] {
  let at = committed
  return (text === '' ? [] : text.split(',')).map((part) => {
    const [gap = 0, length = 0] = part.split('.').map(fromText)
    const from = at + gap
    at = from + length
    return { from, to: at }
  })
}

function joined(texts: Iterable<string>, room: number): string {
  const taken: string[] = []
  let length = 0
  for (const text of texts) {
    length += text.length + 1
    if (length > room) break
    taken.push(text)
  }
  return taken.join(',')
}

const toText = (number: number): string => number.toString(36)
const fromText = (text: string): number => Number.parseInt(text, 36)
