import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'

/** How one case of a conformance suite ended, as `runConformance` tells it. */
interface Result {
  readonly name: string
  readonly failure: unknown
}

/**
 * Fails unless every case passed, with the whole text of each that did not: a matcher that compares
 * lists says how many failed, and cuts what they said.
 */
export function expectKept(results: readonly Result[]): void {
  const failed = results.filter(({ failure }) => failure !== undefined)
  if (failed.length === 0) return
  const texts = failed.map(({ name, failure }) => `✗ ${name}\n${inspect(failure, { depth: 6 })}`)
  const message = [`${failed.length} of ${results.length} cases failed.`, ...texts].join('\n\n')
  throw new AssertionError({ message })
}
