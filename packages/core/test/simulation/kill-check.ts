import {
  type Application,
  bodyOf,
  type History,
  isPoison,
  mostRepeated,
  poisonedTarget,
  type Receipt,
  type Write,
} from './kill-history.ts'

/**
 * Looks through what the lives of a directory have left and answers what is wrong with it.
 *
 * What at-least-once with order permits, per key and target. Take the key's durable records in the
 * order of their calls, without those that are dead letters there: e0, e1, e2, … Then
 *
 * - the first application of all is e0, and in one life each application of ei is followed by that
 *   of ei+1, so that nothing is left out, repeated or turned round while the process lives;
 * - the first application of a life may be the last one of before over again, if the life that saw
 *   that was killed: a kill can come between an apply and the note of its ack. It may never be an
 *   earlier one, for the ack of a record is noted before the next one of its key is applied; and
 *   what a life applied that was closed cleanly is never repeated;
 * - the last application of all is the last of the e.
 *
 * And of what one life applied no more is repeated, over all keys of a target, than the batches that
 * can be under way at once, and the records that may begin without a write, which would carry acks.
 */
export function violationsOf(history: History): readonly string[] {
  const places = placesOf(history)
  return [
    ...calledOnly(history),
    ...nothingLost(history, places),
    ...withoutGaps(history, places),
    ...versionsGrow(places),
    ...[...history.applied].flatMap(([target, applied]) =>
      inOrder(history, target, applied, places),
    ),
    ...noneEarly(history),
    ...lettersRight(history, places),
    ...(history.torn > 4 * history.killed.size ? [`${history.torn} half lines`] : []),
  ]
}

/** How many applications were of records applied before. */
export function repetitionsOf({ applied }: History): number {
  const all = [...applied.values()]
  return all.reduce((sum, each) => sum + each.length - new Set(each.map(nameOf)).size, 0)
}

/** A key's durable records, in the order of their calls. */
type Places = ReadonlyMap<string, readonly Receipt[]>

/** How many poisonous records were applied after all, mended. */
export function mendedIn({ applied }: History): number {
  return new Set([...applied.values()].flat().flatMap((one) => (one.mended ? [nameOf(one)] : [])))
    .size
}

/** Name of a record: life, key and number. */
function nameOf({ life, key, number }: Write): string {
  return `${life}/${key}/${number}`
}

/** What is durable is seen at the target that has no dead letters. */
function placesOf({ called, applied }: History): Places {
  const steady = [...applied].filter(([target]) => target !== poisonedTarget)
  const found = new Map(steady.flatMap(([, each]) => each.map((one) => [nameOf(one), one])))
  const places = new Map<string, Receipt[]>()
  for (const write of called) {
    const durable = found.get(nameOf(write))
    const ofKey = places.get(write.key) ?? []
    places.set(write.key, ofKey)
    if (durable !== undefined) ofKey.push(durable)
  }
  return places
}

function calledOnly({ called, applied }: History): string[] {
  const names = new Set(called.map(nameOf))
  return [...applied].flatMap(([target, each]) =>
    each
      .filter((one) => !names.has(nameOf(one)) || one.body !== bodyOf(one))
      .map((one) => `${nameOf(one)} at ${target} was never written like this`),
  )
}

function nothingLost({ acknowledged }: History, places: Places): string[] {
  const durable = new Map([...places.values()].flat().map((one) => [nameOf(one), one]))
  return acknowledged.flatMap((receipt) => {
    const found = durable.get(nameOf(receipt))
    if (found === undefined) return [`${nameOf(receipt)} was acknowledged and is lost`]
    const same = found.id === receipt.id && found.version === receipt.version
    return same ? [] : [`${nameOf(receipt)} has another id or version than its receipt`]
  })
}

/** The log keeps calls in their order: what a crash takes of a key's is its end. */
function withoutGaps({ called }: History, places: Places): string[] {
  const durable = new Set([...places.values()].flat().map(nameOf))
  const missing = new Set<string>()
  const wrong: string[] = []
  for (const write of called) {
    const line = `${write.life}/${write.key}`
    if (!durable.has(nameOf(write))) missing.add(line)
    else if (missing.has(line)) wrong.push(`${nameOf(write)} is there, and one before it is not`)
  }
  return wrong
}

function versionsGrow(places: Places): string[] {
  return [...places.values()].flatMap((ofKey) =>
    ofKey.flatMap((one, index) => {
      const before = ofKey[index - 1]
      if (before === undefined || BigInt(one.version) > BigInt(before.version)) return []
      return [`${nameOf(one)} has a version that is not above that of ${nameOf(before)}`]
    }),
  )
}

function inOrder(
  { killed }: History,
  target: string,
  applied: readonly Application[],
  places: Places,
): string[] {
  const expected = expectedAt(target, places)
  const indexes = new Map(
    [...expected.values()].flatMap((ofKey) =>
      ofKey.map((one, index) => [nameOf(one), index] as const),
    ),
  )
  const last = new Map<string, { readonly index: number; readonly at: number }>()
  /** By the life whose applications were repeated. */
  const repeats = new Map<number, number>()
  const wrong: string[] = []
  for (const one of applied) {
    if (one.mended) continue
    const index = indexes.get(nameOf(one)) ?? Number.NaN
    const before = last.get(one.key) ?? { index: -1, at: one.at }
    last.set(one.key, { index, at: one.at })
    const isRepeat = index === before.index && before.at < one.at && killed.has(before.at)
    if (isRepeat) repeats.set(before.at, (repeats.get(before.at) ?? 0) + 1)
    else if (index !== before.index + 1) {
      wrong.push(
        `${nameOf(one)} (number ${index} of its key) at ${target} in life ${one.at}, after number ${before.index} in life ${before.at}`,
      )
    }
  }
  const unfinished = [...expected].filter(
    ([key, { length }]) => (last.get(key)?.index ?? -1) !== length - 1,
  )
  const tooMany = [...repeats].filter(([, count]) => count > mostRepeated)
  return [
    ...wrong,
    ...unfinished.map(
      ([key, { length }]) => `${key} at ${target} ends with ${last.get(key)?.index} of ${length}`,
    ),
    ...tooMany.map(([life, count]) => `${count} records of life ${life} are repeated at ${target}`),
  ]
}

/** Per key, what the target is to apply, in its order. */
function expectedAt(target: string, places: Places): Places {
  if (target !== poisonedTarget) return places
  return new Map([...places].map(([key, ofKey]) => [key, ofKey.filter((one) => !isPoison(one))]))
}

function noneEarly({ applied }: History): string[] {
  return [...applied].flatMap(([target, each]) =>
    each.filter(({ early }) => early).map((one) => `${nameOf(one)} is early at ${target}`),
  )
}

/**
 * A letter for each durable record that is poison, at its one target, and for no other; unless it
 * has been mended, redriven and applied. A redrive that a kill cut short may leave both.
 */
function lettersRight({ letters, applied }: History, places: Places): string[] {
  const poison = [...places.values()].flat().filter(isPoison)
  const names = new Set(poison.map(nameOf))
  const redriven = [...applied].flatMap(([target, each]) =>
    each.filter(({ mended }) => mended).map((one) => ({ ...one, target })),
  )
  const mended = new Set(redriven.map(nameOf))
  const describe = ({ id, version, ...one }: Receipt, target: string, code: string): string =>
    `${nameOf(one)} ${id} ${version} at ${target}: ${code}`
  const found = letters.map((letter) => describe(letter, letter.target, letter.code))
  const wanted = poison.map((one) => describe(one, poisonedTarget, 'POISON'))
  const unmended = poison.filter((one) => !mended.has(nameOf(one)))
  const needed = unmended.map((one) => describe(one, poisonedTarget, 'POISON'))
  const astray = redriven.filter((one) => !names.has(nameOf(one)) || one.target !== poisonedTarget)
  const histories = letters.filter(({ attempts }) => attempts.at(-1) !== 'POISON')
  return [
    ...needed.filter((one) => !found.includes(one)).map((one) => `no letter of ${one}`),
    ...found.filter((one) => !wanted.includes(one)).map((one) => `a letter too many: ${one}`),
    ...(new Set(found).size < found.length ? ['a letter is there twice'] : []),
    ...astray.map((one) => `${nameOf(one)} was redriven to ${one.target}`),
    ...histories.map((one) => `the letter of ${nameOf(one)} does not end with its failure`),
  ]
}
