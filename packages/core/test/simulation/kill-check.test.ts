import { describe, expect, it } from 'vitest'
import { violationsOf } from './kill-check.ts'
import {
  type Application,
  bodyOf,
  type History,
  isPoison,
  type Letter,
  mostRepeated,
  type Receipt,
  type Write,
} from './kill-history.ts'

/** As many calls of one key in one life as are wanted, none of them poison. */
function calls(count: number, life = 1, key = 'a'): Receipt[] {
  const harmless: Receipt[] = []
  for (let number = 1; harmless.length < count; number++) {
    const write = { life, key, number }
    if (!isPoison(write)) harmless.push(receiptOf(write))
  }
  return harmless
}

function poison(): Receipt {
  for (let number = 1; ; number++) {
    const write = { life: 1, key: 'p', number }
    if (isPoison(write)) return receiptOf(write)
  }
}

function receiptOf(write: Write): Receipt {
  const { life, key, number } = write
  return { ...write, id: `id ${life}/${key}/${number}`, version: `${life * 1000 + number}` }
}

function applied(receipts: readonly Receipt[], at = 1): Application[] {
  return receipts.map((receipt) => ({
    ...receipt,
    at,
    body: bodyOf(receipt),
    mended: false,
    early: false,
  }))
}

function mended(receipts: readonly Receipt[]): Application[] {
  return applied(receipts).map((one) => ({ ...one, mended: true }))
}

function letterOf(receipt: Receipt): Letter {
  return { ...receipt, target: 'shaky', code: 'POISON', attempts: ['BUSY', 'POISON'] }
}

interface Story {
  readonly called: readonly Receipt[]
  readonly acknowledged?: readonly Receipt[]
  readonly steady?: readonly Application[]
  readonly shaky?: readonly Application[]
  readonly letters?: readonly Letter[]
  readonly killed?: readonly number[]
  readonly torn?: number
}

/** A story in which all went well, where it does not say otherwise. */
function violations({ called, ...story }: Story): readonly string[] {
  const history: History = {
    called,
    acknowledged: story.acknowledged ?? called,
    applied: new Map([
      ['steady', story.steady ?? applied(called)],
      ['shaky', story.shaky ?? story.steady ?? applied(called)],
    ]),
    letters: story.letters ?? [],
    killed: new Set(story.killed ?? [1]),
    kept: [],
    reuses: [],
    torn: story.torn ?? 0,
  }
  return violationsOf(history)
}

describe('the check of a kill test', () => {
  const called = calls(5)
  const [first, second, third] = called as [Receipt, Receipt, Receipt]

  it('takes what is right', () => {
    const dead = poison()
    const withPoison = [dead, ...called]
    expect(violations({ called })).toEqual([])
    expect(
      violations({ called: withPoison, shaky: applied(called), letters: [letterOf(dead)] }),
    ).toEqual([])
    const shaky = [...applied(called), ...mended([dead])]
    expect(violations({ called: withPoison, shaky })).toEqual([])
    expect(violations({ called: withPoison, shaky, letters: [letterOf(dead)] })).toEqual([])
    // The last two were never acknowledged, and went with the process.
    const kept = called.slice(0, 3)
    expect(violations({ called, acknowledged: kept, steady: applied(kept) })).toEqual([])
  })

  it('takes the last record of a key once more after a kill', () => {
    const steady = [...applied([first, second]), ...applied([second, third, ...called.slice(3)], 2)]
    expect(violations({ called, steady })).toEqual([])
    expect(violations({ called, steady, killed: [] })).toHaveLength(2)
  })

  it.each<[string, Partial<Story>, RegExp]>([
    ['an acknowledged record is lost', { steady: applied(called.slice(0, 4)) }, /is lost/],
    ['a target never sees one', { shaky: applied(called.slice(0, 4)) }, /ends with 3 of 5/],
    ['one is left out', { shaky: applied(called.filter((one) => one !== third)) }, /number 3 of/],
    ['two are turned round', { shaky: applied(called.toSpliced(1, 2, third, second)) }, /after/],
    ['one is repeated in one life', { shaky: applied(called.toSpliced(1, 0, first)) }, /number 0/],
    [
      'a life goes back by two',
      { shaky: [...applied(called), ...applied(called.slice(3), 2)] },
      /number 3 of its key\) at shaky in life 2, after number 4/,
    ],
    [
      'a life goes on too far ahead',
      { shaky: [...applied([first]), ...applied(called.slice(2), 2)] },
      /number 2 of its key\) at shaky in life 2, after number 0/,
    ],
    ['one was never written', { steady: applied([...called, ...calls(1, 9)]) }, /never written/],
    [
      'one has other contents',
      { shaky: applied(called).with(4, { ...applied(called)[4], body: 'x' } as Application) },
      /never written like this/,
    ],
    [
      'one has another version than its receipt',
      { acknowledged: called.with(4, { ...called[4], version: '1' } as Receipt) },
      /another id or version/,
    ],
    [
      'versions do not grow',
      { called: calls(2).map((one) => ({ ...one, version: '7' })) },
      /version that is not above/,
    ],
    [
      'one is there and the one before it is not',
      { acknowledged: [first], steady: applied([first, ...called.slice(2)]) },
      /one before it is not/,
    ],
    ['a letter is there for an innocent', { letters: [letterOf(first)] }, /a letter too many/],
    [
      'one comes too early',
      { shaky: applied(called).with(4, { ...applied(called)[4], early: true } as Application) },
      /is early at shaky/,
    ],
    [
      'an innocent is redriven',
      { shaky: [...applied(called), ...mended([first])] },
      /was redriven to shaky/,
    ],
    ['many lines are torn', { torn: 5 }, /half lines/],
  ])('says so when %s', (_, story, message) => {
    expect(violations({ called, ...story }).join('\n')).toMatch(message)
  })

  it('says so when the letter of a poison is missing, is there twice, or says something else', () => {
    const dead = poison()
    const story = { called: [dead, ...called], shaky: applied(called) }
    expect(violations(story).join('\n')).toMatch(/no letter of 1\/p/)
    const letter = letterOf(dead)
    expect(violations({ ...story, letters: [letter, letter] })).toEqual(['a letter is there twice'])
    const other = { ...letter, code: 'ERR_INTERRUPTED' }
    expect(violations({ ...story, letters: [other] })).toHaveLength(2)
    const late = { ...letter, attempts: ['POISON', 'BUSY'] }
    expect(violations({ ...story, letters: [late] }).join('\n')).toMatch(/does not end with/)
  })

  it('says so when a life repeats more than may be without a written ack', () => {
    const many = Array.from({ length: mostRepeated + 1 }, (_, index) =>
      calls(1, 1, `key${index}`),
    ).flat()
    const story = (repeated: readonly Receipt[]): readonly string[] =>
      violations({ called: many, shaky: [...applied(many), ...applied(repeated, 2)] })
    expect(story(many.slice(1))).toEqual([])
    expect(story(many)).toEqual([expect.stringMatching(/41 records of life 1 are repeated/)])
  })
})
