import { describe, expect, it } from 'vitest'
import { WalError } from '../../src/errors.ts'
import { check, checkEqual, checkRefusal, runWithin, within } from '../../src/testing/check.ts'

describe('checkEqual', () => {
  const same: readonly (readonly [unknown, unknown])[] = [
    [{ a: 1, b: undefined }, { a: 1 }],
    [Buffer.from([1, 2]), Uint8Array.of(1, 2)],
    [Object.create(null), {}],
    [[{ a: [1n] }], [{ a: [1n] }]],
    [undefined, undefined],
    [Number.NaN, Number.NaN],
  ]
  it.each(same)('takes %o and %o for the same', (actual, expected) => {
    checkEqual(actual, expected, 'contract')
  })

  const different: readonly (readonly [unknown, unknown, string])[] = [
    [{ a: 1 }, { a: 2 }, 'a: 1, expected 2'],
    [{ a: { b: 1 } }, { a: { b: '1' } }, "a.b: 1, expected '1'"],
    [{}, undefined, '{}, expected undefined'],
    [1n, 1, '1n, expected 1'],
    [[1], [1, 2], '1 items where 2 were expected'],
    [Uint8Array.of(1), Uint8Array.of(2), 'Uint8Array(1) [ 1 ], expected Uint8Array(1) [ 2 ]'],
    [new Uint8Array(0), undefined, 'Uint8Array(0) [], expected undefined'],
    [JSON.parse('{"__proto__": "x"}'), {}, "__proto__: 'x', expected undefined"],
    [new Map([['a', 1]]), new Map([['a', 2]]), "Map(1) { 'a' => 1 }, expected Map(1) { 'a' => 2 }"],
  ]
  it.each(different)('tells %o from %o, and where', (actual, expected, message) => {
    expect(() => checkEqual(actual, expected, 'contract')).toThrow(`contract\n  seen: ${message}`)
  })
})

describe('the checks', () => {
  it('quote the contract and what was seen', () => {
    expect(() => check(false, 'Queues are open', 'this one is closed')).toThrow(
      'Queues are open\n  seen: this one is closed',
    )
  })

  it('take a refusal with the right code only', async () => {
    const refusal = () => Promise.reject(new WalError('ERR_CLOSED', 'Closed.'))
    await checkRefusal(refusal(), 'refuses')
    await checkRefusal(refusal(), 'refuses', 'ERR_IO', 'ERR_CLOSED')
    await expect(checkRefusal(refusal(), 'refuses', 'ERR_IO')).rejects.toThrow(
      'ERR_CLOSED: Closed.',
    )
    await expect(checkRefusal(Promise.resolve(7), 'refuses')).rejects.toThrow('it resolved with')
    await expect(checkRefusal(Promise.reject(new Error('x')), 'refuses')).rejects.toThrow(
      'not a WalError',
    )
  })

  it('fail what does not settle in time', async () => {
    const never = new Promise(() => {})
    await expect(within(5, never, 'settles')).rejects.toThrow('settles\n  seen: nothing for 5 ms')
    expect(await within(1_000, Promise.resolve(1), 'settles')).toBe(1)
  })

  it('name the case that an implementation throws in', async () => {
    const thrown = new TypeError('undefined is not a function')
    const running = runWithin(1_000, 'hands out records', () => Promise.reject(thrown))
    await expect(running).rejects.toMatchObject({
      name: 'AssertionError',
      message: expect.stringMatching(/^hands out records\n {2}seen: it threw TypeError/),
      cause: thrown,
    })
  })
})
