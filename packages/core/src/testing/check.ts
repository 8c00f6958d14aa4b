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

/** Fails unless both are the same, field by field; an absent field equals one that is undefined. */
export function checkEqual(actual: unknown, expected: unknown, contract: string): void {
  const [a, b] = [comparable(actual), comparable(expected)]
  if (isDeepStrictEqual(a, b)) return
  const message = `${contract}\n  seen:     ${brief(actual)}\n  expected: ${brief(expected)}`
  throw new AssertionError({ message, actual: a, expected: b, operator: 'deepStrictEqual' })
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

/** Fails if the promise rejects with anything but a `WalError`, of one of the codes if any are given. */
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
  const text = inspect(value, {
    breakLength: Number.POSITIVE_INFINITY,
    depth: 4,
    maxArrayLength: 20,
  })
  return text.length > 600 ? `${text.slice(0, 600)}…` : text
}

/** Without what does not matter: undefined fields, prototypes, and which kind of byte array it is. */
function comparable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  }
  if (Array.isArray(value)) return value.map(comparable)
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [k, comparable(v)]))
  if (value instanceof Set || value instanceof Date) return value
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, comparable(field)]))
}
