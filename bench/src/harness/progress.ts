import { Presets, SingleBar } from 'cli-progress'

/** Tells somebody who waits how far a run has come. */
export interface Progress {
  /** One more step begins; `what` names it. */
  step(what: string): void
  done(): void
}

/**
 * A bar on a terminal, a line per step otherwise. On stderr, so that stdout holds the result alone.
 */
export function showProgress(steps: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? bar(steps, stream) : lines(steps, stream)
}

function bar(steps: number, stream: NodeJS.WriteStream): Progress {
  const single = new SingleBar(
    { format: '{bar} {value}/{total} {what}', stream, clearOnComplete: true, hideCursor: true },
    Presets.shades_classic,
  )
  let step = 0
  single.start(steps, 0, { what: '' })
  return {
    step(what) {
      single.update(step, { what })
      step += 1
    },
    done: () => single.stop(),
  }
}

function lines(steps: number, stream: NodeJS.WritableStream): Progress {
  let step = 0
  return {
    step(what) {
      step += 1
      stream.write(`${step}/${steps} ${what}\n`)
    },
    done() {},
  }
}
