import type { TargetProgress } from '../../../../src/queue/file/retention.ts'

/** A target's progress that a test sets. */
export class KnownProgress implements TargetProgress {
  readonly target: string
  #lastingThrough = 0
  #listener: () => void = () => {}

  constructor(target = 'search') {
    this.target = target
  }

  get through(): number {
    return this.#lastingThrough
  }

  get lastingThrough(): number {
    return this.#lastingThrough
  }

  set lastingThrough(sequence: number) {
    this.#lastingThrough = sequence
    this.#listener()
  }

  onLasting(listener: () => void): void {
    this.#listener = listener
  }
}
