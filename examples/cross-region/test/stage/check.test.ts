import { describe, expect, it } from 'vitest'
import { type Begun, type CacheReading, checkCaches, type Held } from '../../src/stage/check.ts'

/** Two regions wrote `a`; `b` was put and deleted. */
const changes: readonly Begun[] = [
  { key: 'a', op: 'put', by: 'eu', number: 1, version: 16n },
  { key: 'a', op: 'put', by: 'us', number: 1, version: 33n },
  { key: 'b', op: 'put', by: 'us', number: 2, version: 49n },
  { key: 'b', op: 'delete', by: 'eu', number: 2, version: 64n },
]

const newestA: Held = { version: 33n, change: { by: 'us', number: 1 } }
const newestB: Held = { version: 64n, change: 'deleted' }

/** A cache that is as it should be, but for what a test changes. */
function cache(
  region: string,
  different: Readonly<Record<string, Held | undefined>> = {},
  never: readonly string[] = [],
): CacheReading {
  const held = Object.entries({ a: newestA, b: newestB, ...different })
  return {
    region,
    items: new Map(held.flatMap(([key, item]) => (item === undefined ? [] : [[key, item]]))),
    arrived: new Set(['a@16', 'a@33', 'b@49', 'b@64'].filter((name) => !never.includes(name))),
  }
}

const nothing = { lost: [], diverged: [] }

describe('checkCaches', () => {
  it('finds nothing where all caches hold the newest change of each key', () => {
    expect(checkCaches([cache('eu'), cache('us'), cache('ap')], changes)).toEqual(nothing)
  })

  it('finds a change that never came to one of the caches, though a newer one hides it', () => {
    const caches = [cache('eu'), cache('us', {}, ['a@16'])]
    expect(checkCaches(caches, changes)).toEqual({
      ...nothing,
      lost: ["eu's change 1 (put of a, version 16) never came to us"],
    })
  })

  it('finds a cache that holds an older change than the newest, or nothing', () => {
    const older: Held = { version: 16n, change: { by: 'eu', number: 1 } }
    const { lost, diverged } = checkCaches(
      [cache('eu'), cache('us', { a: older }), cache('ap', { b: undefined })],
      changes,
    )
    expect(lost).toEqual([
      "us's change 1 (put of a, version 33) is not to be seen in us, which holds eu's change 1 of version 16",
      "eu's change 2 (delete of b, version 64) is not to be seen in ap, which holds nothing",
    ])
    expect(diverged).toHaveLength(2)
  })

  it('finds a loss that all caches share, where none differs from another', () => {
    const older: Held = { version: 16n, change: { by: 'eu', number: 1 } }
    const { lost, diverged } = checkCaches(
      [cache('eu', { a: older }), cache('us', { a: older })],
      changes,
    )
    expect(lost).toHaveLength(2)
    expect(diverged).toEqual([])
  })

  it('finds a deleted key that has come to life again', () => {
    const risen: Held = { version: 49n, change: { by: 'us', number: 2 } }
    const { lost, diverged } = checkCaches([cache('eu'), cache('us', { b: risen })], changes)
    expect(lost).toHaveLength(1)
    expect(diverged).toEqual([
      "b differs: eu holds a deletion of version 64; us holds us's change 2 of version 49",
    ])
  })

  it('finds caches of one version and different content', () => {
    const other: Held = { version: 33n, change: { by: 'eu', number: 1 } }
    expect(checkCaches([cache('eu'), cache('us', { a: other })], changes)).toEqual({
      ...nothing,
      diverged: [
        "a differs: eu holds us's change 1 of version 33; us holds eu's change 1 of version 33",
        "us holds eu's change 1 of version 33 of a, as no change has left it",
      ],
    })
  })

  it('finds what all caches hold alike and nobody has written', () => {
    const invented: Held = { version: 99n, change: { by: 'ap', number: 9 } }
    const { lost, diverged } = checkCaches(
      [cache('eu', { a: invented }), cache('us', { a: invented })],
      changes,
    )
    expect(lost).toEqual([])
    expect(diverged).toEqual([
      "eu holds ap's change 9 of version 99 of a, as no change has left it",
      "us holds ap's change 9 of version 99 of a, as no change has left it",
    ])
  })

  it('takes a newer change that was begun where nobody was told that it is durable', () => {
    const cut: Begun = { key: 'a', op: 'put', by: 'ap', number: 9, version: undefined }
    const held: Held = { version: 99n, change: { by: 'ap', number: 9 } }
    const both = [cache('eu', { a: held }), cache('us', { a: held })]
    expect(checkCaches(both, [...changes, cut])).toEqual(nothing)
    const deleted: Held = { version: 99n, change: 'deleted' }
    const gone = [cache('eu', { a: deleted }), cache('us', { a: deleted })]
    expect(checkCaches(gone, [...changes, cut]).diverged).toHaveLength(2)
    expect(checkCaches(gone, [...changes, { ...cut, op: 'delete' }])).toEqual(nothing)
  })

  it('finds an item without a version, such as something else has stored', () => {
    const bare: Held = { version: undefined, change: { by: 'us', number: 1 } }
    const { lost, diverged } = checkCaches([cache('eu'), cache('us', { a: bare })], changes)
    expect([lost.length, diverged.length]).toEqual([1, 1])
  })
})
