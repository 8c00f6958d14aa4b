import { AssertionError } from 'node:assert'
import { inspect, isDeepStrictEqual } from 'node:util'
import { systemClock } from '../clock.ts'
import { isWalError, type WalErrorCode } from '../errors.ts'

/** Fails with the line of the contract that was broken, and what was seen instead. */
export function check(holds: boolean, contract: string, seen: string): asserts holds {
  if (!holds) fail(contract, seen)
}

/** Fails, as `check` does. */
export function fail(contract: string, seen: string): never {
  throw new AssertionError({ message: `${contract}\n  seen: ${seen}` })
}

/** Fails in a way that a machine which stood still for longer than the delays of a case explains, too. */
export class Stalled extends AssertionError {
  constructor(contract: string, seen: string) {
    super({ message: `${contract}\n  seen: ${seen}, or the machine stood still` })
  }
}

/**
 * Fails unless both are the same, field by field, and names the fields that are not. An absent
 * field equals one that is undefined; prototypes, and kinds of byte array, do not matter.
 */
export function checkEqual(actual: unknown, expected: unknown, contract: string): void {
  const differences = differencesOf(actual, expected, '')
  if (differences.length > 0) fail(contract, differences.slice(0, 5).join('\n        '))
}

/** Fails unless the promise settles in time; real time, also where the case runs on a virtual clock. */
export async function within<T>(ms: number, promise: Promise<T>, contract: string): Promise<T> {
  let late: (error: Error) => void
  const lateness = new Promise<never>((_, reject) => {
    late = reject
  })
  const timer = systemClock.setTimer(ms, () =>
    late(new AssertionError({ message: `${contract}\n  seen: nothing for ${ms} ms` })),
  )
  try {
    return await Promise.race([promise, lateness])
  } finally {
    timer.cancel()
  }
}

/** Runs a case within its time. What the implementation throws by itself fails it as well, by name. */
export async function runWithin(ms: number, name: string, run: () => Promise<void>): Promise<void> {
  try {
    await within(ms, run(), `${name}: every call settles`)
  } catch (error) {
    if (error instanceof AssertionError) throw error
    const failure = new AssertionError({ message: `${name}\n  seen: it threw ${brief(error)}` })
    throw Object.assign(failure, { cause: error })
  }
}

/** Fails unless the promise rejects with a `WalError`, of one of the codes if any are given. */
export async function checkRefusal(
  promise: Promise<unknown>,
  contract: string,
  ...codes: readonly WalErrorCode[]
): Promise<void> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  check('error' in outcome, contract, `it resolved with ${brief(outcome)}`)
  checkWalError(outcome.error, contract, ...codes)
}

/** Fails unless it is a `WalError`, of one of the codes if any are given. */
export function checkWalError(
  error: unknown,
  contract: string,
  ...codes: readonly WalErrorCode[]
): void {
  check(isWalError(error), contract, `not a WalError: ${brief(error)}`)
  check(
    codes.length === 0 || codes.includes(error.code),
    contract,
    `${error.code}: ${error.message}`,
  )
}

/** A value on one line, cut short. */
export function brief(value: unknown): string {
  const line = { breakLength: Number.POSITIVE_INFINITY, compact: true, maxArrayLength: 20 }
  const text = inspect(value, { ...line, depth: 4, maxStringLength: 200 })
  return text.length > 600 ? `${text.slice(0, 600)}…` : text
}

function differencesOf(actual: unknown, expected: unknown, path: string): readonly string[] {
  const difference = `${path && `${path}: `}${brief(actual)}, expected ${brief(expected)}`
  if (ArrayBuffer.isView(actual) && ArrayBuffer.isView(expected)) {
    return isDeepStrictEqual(bytesOf(actual), bytesOf(expected)) ? [] : [difference]
  }
  if (Array.isArray(actual) && Array.isArray(expected) && actual.length !== expected.length) {
    return [`${actual.length} items where ${expected.length} were expected: ${difference}`]
  }
  if (!isPlain(actual) || !isPlain(expected)) {
    return isDeepStrictEqual(actual, expected) ? [] : [difference]
  }
  const names = new Set([...Object.keys(actual), ...Object.keys(expected)])
  return [...names].flatMap((name) =>
    differencesOf(own(actual, name), own(expected, name), path ? `${path}.${name}` : name),
  )
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  return !(value instanceof Map || value instanceof Set || value instanceof Date)
}

function own(value: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined
}
