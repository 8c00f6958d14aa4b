import type { Misfortunes } from './break-things.ts'
import { changeName, checkStore, type Findings } from './check.ts'
import type { Mending } from './mend.ts'
import { bad, good, strong } from './print.ts'
import { readDatabase, readSearch } from './read-back.ts'
import type { Letter } from './service-client.ts'
import type { Stage } from './stage.ts'

/** The four figures that must be zero, as sentences, and what should have happened but did not. */
export interface Verdict extends Findings {
  readonly missing: readonly string[]
}

/** Reads both stores back and compares them with what the service had acknowledged. */
export function judge(
  stage: Stage,
  misfortunes: Misfortunes,
  mending: Mending,
  exitCode: number | null,
): Verdict {
  const stores = [readDatabase(stage.files.database), readSearch(stage.files.search)]
  const findings = stores.map((store) => {
    const ofStore = mending.left.filter(({ target }) => target === store.target)
    return checkStore(store, stage.client.acknowledged, {
      dead: new Set(ofStore.map(nameOf)),
      superseded: stage.tallies[store.target].with('superseded'),
      mended: store.target === 'search' ? mending.mended : new Map(),
    })
  })
  return {
    lost: findings.flatMap(({ lost }) => lost),
    duplicates: findings.flatMap(({ duplicates }) => duplicates),
    outOfOrder: findings.flatMap(({ outOfOrder }) => outOfOrder),
    diverged: findings.flatMap(({ diverged }) => diverged),
    missing: [
      ...whatDidNotHappen(stage, misfortunes, mending),
      ...(exitCode === 0 ? [] : [`the service closed in peace (exit code ${exitCode})`]),
    ],
  }
}

function whatDidNotHappen(
  { tallies: { database, search }, client, changes }: Stage,
  { diedOf, acknowledgedBefore, appliedBefore }: Misfortunes,
  { letters, left, found, guarded }: Mending,
): readonly string[] {
  const expected: Readonly<Record<string, boolean>> = {
    'the service was killed': diedOf === 'SIGKILL',
    'it was killed in the middle':
      appliedBefore.database > 0 && appliedBefore.search < acknowledgedBefore,
    'delivery to the search index paused in both processes': search.paused >= 2,
    'delivery to the search index resumed': search.resumed >= 1,
    'the database was not held up': database.paused === 0,
    'the outage cost no change an attempt': search.failedAttempts === 0,
    'only refused films became dead letters': letters.every(({ code }) => refusals.has(code)),
    'every kind of refusal was seen':
      new Set(letters.map(({ code }) => code)).size === refusals.size,
    'two dead letters were redriven': left.length === letters.length - 2,
    'the mended film can be found': found,
    'a late redrive left the newer change alone': guarded,
    'every change was acknowledged': client.acknowledged.length === changes.length,
  }
  return Object.keys(expected).filter((what) => !expected[what])
}

/** True if all four figures are zero and everything was seen that the demo is there to show. */
export function isGood(verdict: Verdict): boolean {
  return Object.values(verdict).every((findings) => findings.length === 0)
}

/** The four figures on a line, followed by what is behind those that are not zero. */
export function verdictText(verdict: Verdict): string {
  const { lost, duplicates, outOfOrder, diverged, missing } = verdict
  const figures =
    `${lost.length} lost, ${duplicates.length} duplicate rows, ` +
    `${outOfOrder.length} out of order, ${diverged.length} diverged`
  const paint = isGood(verdict) ? good : bad
  const lines = [`  ${paint(strong(figures))}`]
  for (const findings of [lost, duplicates, outOfOrder, diverged]) {
    lines.push(...findings.slice(0, shownPerFigure).map((finding) => `    ${finding}`))
  }
  lines.push(...missing.map((what) => `  ${bad('Not so:')} ${what}`))
  return lines.join('\n')
}

const shownPerFigure = 5

/** The targets' reasons for refusing a film. */
const refusals = new Set([
  'film_has_a_title',
  'released_before_2012',
  'no_title',
  'title_is_a_number',
])

function nameOf({ record: { key, version } }: Letter) {
  return changeName(key, BigInt(version))
}
