import { appendFileSync, existsSync, readFileSync } from 'node:fs'

/** What several processes have applied, in the order in which they did, also of those that were killed. */
export function appliedFile(file: string) {
  return {
    add(records: readonly (readonly [key: string, n: number])[]): void {
      appendFileSync(file, records.map(([key, n]) => `${key}=${n}\n`).join(''))
    },
    /** Numbers by key. */
    read(): ReadonlyMap<string, readonly number[]> {
      const numbers = new Map<string, number[]>()
      const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
      for (const line of lines) {
        const [key = '', n = ''] = line.split('=')
        const ofKey = numbers.get(key) ?? []
        numbers.set(key, ofKey)
        ofKey.push(Number(n))
      }
      return numbers
    },
  }
}

/** Where a key's numbers went on without the one before. Some may have come again, and then all that follow. */
export function gapIn(numbers: readonly number[]): string | undefined {
  for (const [at, n] of numbers.entries()) {
    const before = at === 0 ? -1 : (numbers[at - 1] as number)
    if (n > before + 1) return `${n} after ${before}`
  }
  return undefined
}
