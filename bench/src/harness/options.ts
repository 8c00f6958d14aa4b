import { resolve } from 'node:path'

export interface NumberBounds {
  readonly min: number
  readonly max: number
  /** Default true. */
  readonly whole?: boolean
}

type Options = Readonly<Record<string, unknown>>

/** An option that is a number within bounds; throws with the option's name and the bounds. */
export function numberOption(options: Options, name: string, bounds: NumberBounds): number {
  const value = Number(options[name])
  const whole = bounds.whole ?? true
  const good = value >= bounds.min && value <= bounds.max && (!whole || Number.isInteger(value))
  if (good) return value
  throw new RangeError(
    `--${name} is ${JSON.stringify(options[name])}; it must be a ${whole ? 'whole ' : ''}number ` +
      `from ${bounds.min} to ${bounds.max}`,
  )
}

/** An option that is a path, made absolute. */
export function directoryOption(options: Options, name: string): string {
  const value = options[name]
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`--${name} must be a path, and be given once`)
  }
  return resolve(value)
}
