import { styleText } from 'node:util'

/** Tells an example's audience what happens, and shows meanwhile how far things have come. */
export class Story {
  readonly #startedAt = performance.now()
  #watching: NodeJS.Timeout | undefined

  /** A line, after the seconds since the beginning, and what that means below it. */
  say(kind: 'bad' | 'good', text: string, ...details: readonly string[]): void {
    const mark = kind === 'bad' ? styleText('red', '✗') : styleText('green', '✓')
    this.#print(`${this.#time()}  ${mark} ${text}`)
    for (const detail of details) this.#print(`${' '.repeat(13)}${styleText('dim', detail)}`)
  }

  /** Shows a line of figures again and again, until `end`: in place on a terminal, elsewhere below each other. */
  watch(figures: () => string, everyMs = process.stdout.isTTY ? 100 : 1_000): void {
    this.end()
    this.#watching = setInterval(() => {
      const line = styleText('dim', `${this.#time()}    ${figures()}`)
      if (process.stdout.isTTY) process.stdout.write(`${startOfLine}${line}`)
      else console.log(line)
    }, everyMs)
  }

  end(): void {
    clearInterval(this.#watching)
    this.#watching = undefined
    if (process.stdout.isTTY) process.stdout.write(startOfLine)
  }

  #print(line: string): void {
    if (process.stdout.isTTY) process.stdout.write(startOfLine)
    console.log(line)
  }

  #time(): string {
    return `${((performance.now() - this.#startedAt) / 1_000).toFixed(1).padStart(7)} s`
  }
}

/** Goes to the beginning of the line, and clears it. */
const startOfLine = '\r\u001b[K'
