import type { SalvageReport } from './salvage-report.ts'
import { count, findingText, lines, section, verifyReportText } from './verify-text.ts'

/** A report as text for a person: what was copied, what was lost, and all that was found. */
export function salvageReportText(report: SalvageReport): string {
  const { from, into, lost, found, copied } = report
  const verdict = lost.length > 0 ? 'records are lost' : 'no record that had been synced is lost'
  return lines([
    `${from}, salvaged into ${into}: ${verdict}`,
    '',
    `records       ${count(copied.records)} copied`,
    `cursors       ${count(copied.cursors.length)} copied`,
    ...copied.lostCursors.map(
      (file) => `              ${file} is lost: its target is given all again`,
    ),
    `dead letters  ${count(copied.deadLetters)} copied`,
    ...section('Lost', lost.map(findingText)),
    '',
    verifyReportText(found),
  ])
}
