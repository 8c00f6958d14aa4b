import type { StandardSchemaV1 } from '@standard-schema/spec'

/**
 * What a namespace's payloads are: any Standard Schema (zod, valibot, arktype, …), whose check runs
 * before a record is durable, or `type<T>()`.
 */
export type PayloadType<P, Input = P> = StandardSchemaV1<Input, P>

/** Names a payload's TypeScript type, and checks nothing at run time. */
export function type<T>(): PayloadType<T> {
  return {
    '~standard': {
      version: 1,
      vendor: 'daybook',
      validate: accept as StandardSchemaV1.Props<T>['validate'],
    },
  }
}

/** True for what `type<T>()` makes: nothing to check. */
export function isUnchecked(schema: PayloadType<unknown>): boolean {
  return schema['~standard'].validate === accept
}

function accept(value: unknown): { readonly value: unknown } {
  return { value }
}
