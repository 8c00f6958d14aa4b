import * as v from 'valibot'
import { durationMs, sizeBytes } from './quantity.ts'

/** A time span, as ms. */
export const duration = quantity(durationMs)

/** A size, as bytes. */
export const size = quantity(sizeBytes)

/** A name that appears in paths, topics, metrics and messages. */
export const name = v.pipe(
  v.string('must be a string'),
  v.regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    'must be 1 to 100 of the characters A-Z a-z 0-9 . _ - and begin with a letter or a digit',
  ),
)

/** An object by names. Those that every object has are refused: the parser would drop them. */
export function byName<S extends v.GenericSchema>(entry: S, reason: string) {
  return v.pipe(
    v.custom<object>((value) => typeof value === 'object' && value !== null, reason),
    v.rawCheck<object>(({ dataset, addIssue }) => {
      if (!dataset.typed) return
      for (const taken of ['constructor', 'prototype', '__proto__']) {
        if (!Object.hasOwn(dataset.value, taken)) continue
        addIssue({ message: `'${taken}' cannot be a name here: take another` })
      }
    }),
    v.record(name, entry, reason),
  )
}

export function count(min: number, max: number) {
  const reason = `must be a whole number from ${min} to ${max}`
  return v.pipe(
    v.number(reason),
    v.integer(reason),
    v.minValue(min, reason),
    v.maxValue(max, reason),
  )
}

export function positive() {
  const reason = 'must be a number above 0'
  return v.pipe(
    v.number(reason),
    v.finite(reason),
    v.check((value) => value > 0, reason),
  )
}

export function oneOf<const T extends string>(...options: T[]) {
  return v.picklist(options, `must be one of ${options.map((option) => `'${option}'`).join(', ')}`)
}

/** A duration or size, or `'unlimited'` for one without end. */
export function orUnlimited(parse: (value: never) => number) {
  return quantity((value: never) => {
    if (value === 'unlimited') return Number.POSITIVE_INFINITY
    try {
      return parse(value)
    } catch (error) {
      throw new Error(`${(error as Error).message}; or say 'unlimited'`)
    }
  })
}

/** A duration or size: its parser's error becomes the issue's reason. */
function quantity(parse: (value: never) => number) {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, number>(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value as never)
      } catch (error) {
        addIssue({ message: (error as Error).message })
        return NEVER
      }
    }),
  )
}
