import { styleText } from 'node:util'
import cliProgress from 'cli-progress'

/** How far something has come. */
export interface Gauge {
  readonly name: string
  readonly value: number
  /** A word or two on its state. */
  readonly note: string
}

/** Shows progress while it happens, and what happens besides. */
export interface Progress {
  show(gauges: readonly Gauge[]): void
  /** Prints lines among the progress. */
  say(lines: readonly string[]): void
  stop(): void
}

/** Bars on a terminal, plain lines anywhere else. */
export function showProgress(total: number): Progress {
  return process.stdout.isTTY ? new Bars(total) : new Lines(total)
}

class Bars implements Progress {
  readonly #total: number
  readonly #bars = new Map<string, cliProgress.SingleBar>()
  readonly #screen = new cliProgress.MultiBar(
    {
      format: `  {name} ${styleText('cyan', '{bar}')} {count} {note}`,
      barsize: 30,
      hideCursor: true,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  )

  constructor(total: number) {
    this.#total = total
    // Also after Ctrl-C, so that the terminal has its cursor back.
    process.once('exit', () => this.stop())
  }

  show(gauges: readonly Gauge[]): void {
    for (const { name, value, note } of gauges) {
      const payload = {
        name: name.padEnd(nameWidth),
        count: count(value, this.#total),
        note: styleText('yellow', note),
      }
      const bar = this.#bars.get(name)
      if (bar === undefined) {
        this.#bars.set(name, this.#screen.create(this.#total, value, payload))
      } else {
        bar.update(Math.min(value, this.#total), payload)
      }
    }
  }

  say(lines: readonly string[]): void {
    // The bars are written over: what is left of them has to be cleared on every line.
    this.#screen.log(lines.map((line) => `${line}${clearToEndOfLine}\n`).join(''))
    this.#screen.update()
  }

  stop(): void {
    this.#screen.update()
    this.#screen.stop()
  }
}

class Lines implements Progress {
  readonly #total: number
  #shownAt = Number.NEGATIVE_INFINITY

  constructor(total: number) {
    this.#total = total
  }

  show(gauges: readonly Gauge[]): void {
    const isTooSoon = performance.now() - this.#shownAt < linesEveryMs
    if (isTooSoon || gauges.every(({ value }) => value === 0)) return
    this.#shownAt = performance.now()
    const parts = gauges.map(({ name, value, note }) => {
      return `${name} ${count(value, this.#total).trim()}${note === '' ? '' : ` (${note})`}`
    })
    console.log(`        ${parts.join(', ')}`)
  }

  say(lines: readonly string[]): void {
    for (const line of lines) console.log(line)
  }

  stop(): void {
    this.#shownAt = Number.NEGATIVE_INFINITY
  }
}

const nameWidth = 12
const clearToEndOfLine = '\x1b[K'
const linesEveryMs = 1_000

function count(value: number, total: number): string {
  const all = total.toLocaleString('en')
  return `${Math.min(value, total).toLocaleString('en').padStart(all.length)} of ${all}`
}
