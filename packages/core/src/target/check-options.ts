import * as v from 'valibot'
import { ConfigError } from '../config/config-error.ts'
import { checkIsOptions } from '../config/option-names.ts'
import { duration, size } from '../config/schema-parts.ts'

/**
 * Checks the options of a target whole. Throws a `ConfigError` with every mistake, each under the
 * target's name; an option that is unknown is one.
 */
export function checkOptions<S extends v.GenericSchema>(
  name: string,
  schema: S,
  options: unknown,
): v.InferOutput<S> {
  // An array passes for an object whose options are all missing.
  if (Array.isArray(options)) checkIsOptions(name, options)
  const parsed = v.safeParse(schema, options)
  if (parsed.success) return parsed.output
  throw new ConfigError(
    parsed.issues.map((issue) => ({
      path: [name, v.getDotPath(issue)].filter((part) => part !== null).join('.'),
      reason: reasonOf(issue),
    })),
  )
}

function reasonOf({ type, expected, message, input }: v.BaseIssue<unknown>): string {
  if (expected === 'never') return 'is not an option'
  if (type !== 'strict_object') return message
  return input === undefined ? 'is missing' : 'must be an object of options'
}

/** A duration of at least 1 ms, as ms. */
export const timeout = v.pipe(duration, v.minValue(1, 'must be at least 1 ms'))

export { size }

/** A whole number of at least 1. */
export const count = v.pipe(
  v.number('must be a whole number of at least 1'),
  v.integer('must be a whole number of at least 1'),
  v.minValue(1, 'must be a whole number of at least 1'),
)

/** A function; what it takes and answers with is the type's affair. */
export function aFunction<F extends (...args: never[]) => unknown>(reason = 'must be a function') {
  return v.custom<F>((value) => typeof value === 'function', reason)
}
