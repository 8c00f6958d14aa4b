import type { Finding, SequenceSpan } from './finding.ts'
import type { CursorReport, VerifyReport } from './verify-report.ts'

/** A report as text for a person: what there is, then what is wrong with it. */
export function verifyReportText(report: VerifyReport): string {
  const { directory, owner, log, cursors, deadLetters, problems, notes } = report
  const bytes = log.segments.reduce((sum, segment) => sum + segment.bytes, 0)
  return lines([
    `${directory}: ${verdict(report)}`,
    '',
    owner && `last owner    epoch ${owner.epoch}${owner.since ? `, since ${owner.since}` : ''}`,
    `namespace     ${log.namespace ?? 'not known'}`,
    `segments      ${count(log.segments.length)}, ${count(bytes)} bytes`,
    `records       ${count(log.records)}${log.records ? `, ${log.firstSequence} to ${log.lastSequence}` : ''}`,
    ...cursors.map((cursor) => `target        ${cursorText(cursor)}`),
    ...Object.entries(deadLetters?.waiting ?? {}).map(
      ([target, waiting]) => `dead letters  ${count(waiting)} of target ${target}`,
    ),
    ...section('Problems', problems.map(findingText)),
    ...section('Notes', notes.map(findingText)),
  ])
}

function verdict({ ok, problems }: VerifyReport): string {
  if (ok) return 'sound'
  return problems.length === 1 ? '1 problem' : `${count(problems.length)} problems`
}

/** One line, or a few, that say where, what, and how it is known. */
export function findingText(finding: Finding): string {
  const { file, from, to, records, mostRecords, mostEntries, what, proof } = finding
  const place = from === undefined ? file : `${file}, ${from} to ${to ?? 'its end'}`
  return lines([
    `- ${place}: ${what}`,
    records && `  records ${spanText(records)}${mostText(mostRecords, 'record')}`,
    !records && mostRecords !== undefined && ` ${mostText(mostRecords, 'record')}`,
    neighboursText(finding),
    mostEntries !== undefined && ` ${mostText(mostEntries, 'entry', 'entries')}`,
    proof !== undefined && `  known by: ${proof}`,
  ])
}

function neighboursText({ writtenAfter: after, writtenBefore: before }: Finding) {
  if (after !== undefined && before !== undefined) {
    return `  written between ${instant(after)} and ${instant(before)}`
  }
  if (after !== undefined) return `  written after ${instant(after)}`
  return before !== undefined && `  written before ${instant(before)}`
}

/** ISO 8601; whatever a wrong clock may have given is shown as the number it is. */
function instant(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}

function spanText({ from, to }: SequenceSpan): string {
  if (from !== undefined && from === to) return String(from)
  return `${from === undefined ? 'up' : from} to ${to ?? 'the end'}`
}

function mostText(most: number | undefined, one: string, many = `${one}s`): string {
  if (most === undefined) return ''
  return ` (at most ${count(most)} ${most === 1 ? one : many})`
}

function cursorText(cursor: CursorReport): string {
  const { file, target, through, pending, tried, schedule, missed } = cursor
  const parts = [`done through ${through}`, `${count(pending)} pending`]
  if (tried > 0) parts.push(`${count(tried)} tried before`)
  if (schedule.runs > 0) parts.push(`${count(schedule.records)} delayed in ${schedule.runs} runs`)
  if (missed === undefined) parts.push('some lost before they were applied')
  else if (missed > 0) parts.push(`at most ${count(missed)} lost before they were applied`)
  return `${target ?? file}: ${parts.join(', ')}`
}

export function section(title: string, items: readonly string[]): readonly string[] {
  return items.length === 0 ? [] : ['', title, ...items]
}

/** Those that are there, each on its line. */
export function lines(parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => part !== false && part !== undefined).join('\n')
}

/** With commas, so that large numbers can be read. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}
