import { styleText } from 'node:util'

/** What an example ends with. It went well if there is no sentence in it. */
export interface Verdict {
  /** Figures that must be zero: a word for each, and behind it a sentence for all that was found. */
  readonly zeros: Readonly<Record<string, readonly string[]>>
  /** What should have happened, and did not: without it the zeros would prove little. */
  readonly missing: readonly string[]
}

export function isGood({ zeros, missing }: Verdict): boolean {
  return missing.length === 0 && Object.values(zeros).every((findings) => findings.length === 0)
}

/** The figures on a line, followed by what is behind those that are not zero. */
export function verdictText(verdict: Verdict): string {
  const { zeros, missing } = verdict
  const figures = Object.entries(zeros).map(([word, { length }]) => `${length} ${word}`)
  const lines = [`  ${styleText(['bold', isGood(verdict) ? 'green' : 'red'], figures.join(', '))}`]
  for (const findings of Object.values(zeros)) {
    lines.push(...findings.slice(0, shownOfEach).map((finding) => `    ${finding}`))
  }
  lines.push(...missing.map((what) => `  ${styleText('red', 'Not so:')} ${what}`))
  return lines.join('\n')
}

const shownOfEach = 5
