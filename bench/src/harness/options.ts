import { resolve } from 'node:path'

export interface NumberBounds {
  readonly min: number
  readonly max: number
  /** Default true. */
  readonly whole?: boolean
}

/** What the command line says, by the options' names. */
export type Options = Readonly<Record<string, unknown>>

/** An option that is a number within bounds; throws with the option's name and the bounds. */
export function numberOption(options: Options, name: string, bounds: NumberBounds): number {
  const value = Number(options[name])
  if (isWithin(value, bounds)) return value
  throw new RangeError(
    `--${name} is ${JSON.stringify(options[name])}; it must be a ${named(bounds)}`,
  )
}

/** An option that is one number or several with commas between, all within the bounds. */
export function numbersOption(options: Options, name: string, bounds: NumberBounds): number[] {
  const values = String(options[name]).split(',').map(Number)
  if (values.every((value) => isWithin(value, bounds))) return values
  throw new RangeError(
    `--${name} is ${JSON.stringify(options[name])}; each number of it, with a comma between, ` +
      `must be a ${named(bounds)}`,
  )
}

function isWithin(value: number, { min, max, whole = true }: NumberBounds): boolean {
  return value >= min && value <= max && (!whole || Number.isInteger(value))
}

function named({ min, max, whole = true }: NumberBounds): string {
  return `${whole ? 'whole ' : ''}number from ${min} to ${max}`
}

/** An option that is a path, made absolute. */
export function pathOption(options: Options, name: string): string {
  const value = options[name]
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`--${name} must be a path, and be given once`)
  }
  return resolve(value)
}
